const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']

/** Bytes in decimal units with `digits` significant digits: `8.51MB` (3), `781.7MB` (4). */
export function humanSize(bytes: number, digits: 3 | 4 = 4): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < decimalUnits.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${Number(value.toPrecision(digits))}${decimalUnits[unit]}`
}

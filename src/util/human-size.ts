const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** Bytes in decimal units with `digits` significant digits: `8.51MB` (3), `781.7MB` (4). */
export function humanSize(bytes: number, digits: 3 | 4 = 4): string {
  return scaled(bytes, 1000, decimalUnits, digits)
}

/** Memory in binary units: `1.445MiB`. */
export function humanMemory(bytes: number): string {
  return scaled(bytes, 1024, binaryUnits, 4)
}

function scaled(bytes: number, step: number, units: readonly string[], digits: number): string {
  let value = bytes
  let unit = 0
  while (value >= step && unit < units.length - 1) {
    value /= step
    unit += 1
  }
  return `${Number(value.toPrecision(digits))}${units[unit]}`
}

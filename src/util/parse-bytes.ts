const multipliers: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
}

/** Memory sizes of flags: `512m`, `1.5g`, `1GiB`, binary units; throws a plain Error with the reason. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text)
  if (!match) throw new Error(`invalid size: '${text}'`)
  return Math.trunc(Number(match[1]) * (multipliers[(match[2] ?? '').toLowerCase()] ?? 1))
}

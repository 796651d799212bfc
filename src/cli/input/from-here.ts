import { resolve } from 'node:path'

/** A host path that begins with `.`, up to a colon, counts from the folder of the command: the engine may be in another one. */
export function fromHere(spec: string): string {
  const [path = ''] = spec.split(':', 1)
  return /^\.\.?(\/|$)/.test(path) ? `${resolve(path)}${spec.slice(path.length)}` : spec
}

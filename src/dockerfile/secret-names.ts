const words = new Set('apikey auth credential credentials key password pword passwd secret token'.split(' '))

/** Does the name of an ARG or ENV speak of a secret? By BuildKit's own words, between underscores. */
export function namesSecret(name: string): boolean {
  const parts = name.toLowerCase().split('_')
  return parts.some((part) => words.has(part)) && !parts.includes('public')
}

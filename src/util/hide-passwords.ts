/**
 * A text with `***` in place of every password in a URL (`https://user:password@host`): it must not get into history,
 * logs or errors (C-B9). `sameLength` puts as many stars as there were characters, for texts with carets below.
 */
export function hidePasswords(text: string, options: { readonly sameLength?: boolean } = {}): string {
  const stars = (password: string): string =>
    options.sameLength === true ? '*'.repeat(password.length) : '***'
  // a scheme of bounded length: else a text of many words would be searched from each of them to its end
  return text.replace(
    /(\b[a-z][a-z0-9+.-]{0,40}:\/\/[^:@/\s]*:)([^@/\s]*)@/gi,
    (_, before: string, password: string) => `${before}${stars(password)}@`,
  )
}

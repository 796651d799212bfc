import { failure } from '../../util/errors.ts'

/** Versions of the Docker Engine API that are answered: their numbers behind `1.`. */
export const newestVersion = 51
export const oldestVersion = 24

/** `/v1.44/info` as 44 and `/info`; without a version the newest. API_VERSION_TOO_OLD, API_VERSION_TOO_NEW. */
export function splitVersion(path: string): { readonly version: number; readonly path: string } {
  const match = /^\/v(\d{1,4})(?:\.(\d{1,4}))?(\/.*)$/s.exec(path)
  if (match === null) return { version: newestVersion, path }
  const [, major = '', minor = '0', rest = ''] = match
  const text = match[2] === undefined ? major : `${major}.${minor}`
  if (Number(major) < 1 || (Number(major) === 1 && Number(minor) < oldestVersion)) {
    throw failure('API_VERSION_TOO_OLD', { version: text, least: `1.${oldestVersion}` })
  }
  if (Number(major) > 1 || Number(minor) > newestVersion) {
    throw failure('API_VERSION_TOO_NEW', { version: text, most: `1.${newestVersion}` })
  }
  return { version: Number(minor), path: rest }
}

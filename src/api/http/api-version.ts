import { failure } from '../../util/errors.ts'

/** Versions of the Docker Engine API that are answered: their numbers behind `1.`. */
export const newestVersion = 51
export const oldestVersion = 24

/** `/v1.44/info` as 44 and `/info`; without a version the newest. API_VERSION_UNSUPPORTED. */
export function splitVersion(path: string): { readonly version: number; readonly path: string } {
  const match = /^\/v(\d{1,4})(?:\.(\d{1,4}))?(\/.*)$/s.exec(path)
  if (match === null) return { version: newestVersion, path }
  const [, major = '', minor = '0', rest = ''] = match
  const text = match[2] === undefined ? major : `${major}.${minor}`
  if (Number(major) < 1 || (Number(major) === 1 && Number(minor) < oldestVersion)) {
    throw unsupported(
      text,
      `old. Minimum supported API version is 1.${oldestVersion}, please upgrade your client to a newer version`,
    )
  }
  if (Number(major) > 1 || Number(minor) > newestVersion) {
    throw unsupported(text, `new. Maximum supported API version is 1.${newestVersion}`)
  }
  return { version: Number(minor), path: rest }
}

function unsupported(version: string, reason: string): Error {
  return failure('API_VERSION_UNSUPPORTED', { version, reason })
}

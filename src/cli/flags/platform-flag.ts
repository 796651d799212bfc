import { parsePlatform, type Platform } from '../../oci/platform.ts'
import { type Flag, flatList, parsed } from './flag.ts'

/** `--platform linux/arm64`. */
export function platformFlag(help: string): Flag<Platform | undefined> {
  return parsed(help, parsePlatform)
}

/** `--platform linux/amd64,linux/arm64`, which may be given several times. */
export function platformsFlag(
  help: string,
  shape: { readonly short?: string } = {},
): Flag<readonly Platform[]> {
  return flatList(help, (text) => text.split(',').map((one) => parsePlatform(one.trim())), shape)
}

import { parsePlatform, type Platform } from '../../oci/platform.ts'
import { type Flag, parsed } from './flag.ts'

/** `--platform linux/arm64`. */
export function platformFlag(help: string): Flag<Platform | undefined> {
  return parsed(help, parsePlatform)
}

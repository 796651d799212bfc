import type { BaseFacts } from '../../dockerfile/check-scope.ts'
import { formatPlatform, matchPlatform, type Platform } from '../../oci/platform.ts'
import type { StageState } from './stage-state.ts'

/** What checks may know of a stage before its own instructions: the image with its triggers. */
export function baseFactsOf({ env, args, config, platform, base }: StageState, wanted: Platform): BaseFacts {
  const isFitting = base === undefined || matchPlatform(wanted, platform)
  return {
    env: new Map(env),
    args: new Set(args.keys()),
    hasShell: (config.Shell ?? []).length > 0,
    ...(isFitting ? {} : { platform: { found: formatPlatform(platform), expected: formatPlatform(wanted) } }),
  }
}

import type { PullResult } from '../images/images.ts'
import { formatPlatform, matchPlatform, type Platform } from '../oci/platform.ts'
import { familiarReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { CommandContext, OutputStream } from './command.ts'
import { layerProgress } from './progress/layer-progress.ts'

export interface PullView {
  /** Where progress goes. */
  readonly output: OutputStream
  readonly quiet: boolean
  readonly allTags?: boolean
  readonly platform?: Platform | undefined
}

/** Pulls with Docker's words (A41): used by `pull` and by `run` and `create` for a missing image. */
export async function pullImage(
  name: string,
  context: CommandContext,
  view: PullView,
): Promise<PullResult[]> {
  const { output, quiet } = view
  const reference = parseReference(name)
  const { images } = await context.engine()
  const progress = quiet ? undefined : layerProgress(output)
  const results = await images
    .pull(name, {
      signal: context.signal,
      ...(view.allTags ? { allTags: true } : {}),
      ...(view.platform === undefined ? {} : { platform: view.platform }),
      ...(progress === undefined ? {} : { onProgress: progress.report }),
    })
    .finally(() => progress?.finish())
  if (quiet) return results
  const familiar = familiarReference(view.allTags ? reference : withDefaultTag(reference))
  const status = results.some(({ changed }) => changed)
    ? 'Downloaded newer image for'
    : 'Image is up to date for'
  output.write(`Status: ${status} ${familiar}\n`)
  if (view.platform !== undefined) await warnOfOther(view.platform, results, context)
  return results
}

/** A name with one image and no list gives that image, whatever platform was asked for. */
async function warnOfOther(
  wanted: Platform,
  results: readonly PullResult[],
  { engine, io }: CommandContext,
): Promise<void> {
  const { images } = await engine()
  for (const { id, name } of results) {
    const { config } = await images.inspect(id)
    if (matchPlatform(wanted, config)) continue
    const found = `its platform (${formatPlatform(config)}) does not match the specified platform (${formatPlatform(wanted)})`
    const shown = familiarReference(parseReference(name))
    io.stderr.write(`WARNING: image with reference ${shown} was found but ${found}\n`)
  }
}

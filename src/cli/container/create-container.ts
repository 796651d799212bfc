import { rm } from 'node:fs/promises'
import type { ContainerRequest, CreateOptions } from '../../containers/containers.ts'
import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { CommandContext } from '../command.ts'
import type { PullPolicy } from './container-flags.ts'
import { openFile } from '../input/open-file.ts'
import { pullImage } from '../pull-image.ts'

export interface CreateChoices extends CreateOptions {
  readonly pull: PullPolicy
  readonly quiet: boolean
  readonly cidfile: string | undefined
}

/** Creates a container, pulling its image when it is missing (A44) or always; resolves with its ID. */
export async function createContainer(
  request: ContainerRequest,
  { pull, quiet, cidfile, ...options }: CreateChoices,
  context: CommandContext,
): Promise<string> {
  const { containers } = await context.engine()
  const fetchImage = (): Promise<unknown> =>
    pullImage(request.image, context, { output: context.io.stderr, quiet, platform: request.platform })
  const idFile = cidfile === undefined ? undefined : await reserveIdFile(cidfile)
  try {
    if (pull === 'always') await fetchImage()
    const create = (): Promise<{ readonly id: string; readonly warnings: readonly string[] }> =>
      containers.create(request, options)
    const { id, warnings } = await create().catch(async (error: unknown) => {
      if (!isMilleError(error, 'NO_SUCH_IMAGE', 'IMAGE_PLATFORM_MISSING') || pull !== 'missing') throw error
      context.io.stderr.write(`Unable to find image '${familiarName(request.image)}' locally\n`)
      await fetchImage()
      return await create()
    })
    for (const warning of warnings) context.io.stderr.write(`WARNING: ${warning}\n`)
    await idFile?.write(id)
    return id
  } catch (error) {
    await idFile?.remove()
    throw error
  }
}

function familiarName(name: string): string {
  return familiarReference(withDefaultTag(parseReference(name)))
}

function isTaken(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
}

interface IdFile {
  write(id: string): Promise<void>
  remove(): Promise<void>
}

/** The file is made first: a path that cannot be written must fail before a container exists. */
async function reserveIdFile(path: string): Promise<IdFile> {
  const file = await openFile(path, 'wx').catch((error: unknown) => {
    if (isMilleError(error, 'CLI_OPEN_FILE') && isTaken(error.cause)) {
      const reason = `container ID file found, make sure the other container isn't running or delete ${path}`
      throw failure('CLI_FAILED', { reason }, { cause: error })
    }
    throw error
  })
  return {
    async write(id) {
      await file.writeFile(id)
      await file.close()
    },
    async remove() {
      await file.close()
      await rm(path, { force: true })
    },
  }
}

import type { Dockerfile, Instruction, Word } from '../../dockerfile/ast.ts'
import { formatPlatform, type Platform } from '../../oci/platform.ts'
import { isMilleError } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { BaseImage } from '../base-images.ts'
import { failAt } from './source-problem.ts'

export interface UseOfBase {
  readonly instruction: Instruction
  readonly word: Word
}

export type FindBase = (name: string, platform: Platform, use: UseOfBase) => Promise<BaseImage>

const commonImages = [
  'alpine',
  'busybox',
  'debian',
  'fedora',
  'golang',
  'gradle',
  'maven',
  'nginx',
  'node',
  'openjdk',
  'php',
  'postgres',
  'python',
  'redis',
  'ruby',
  'rust',
  'ubuntu',
]

/** Resolves each image once. A missing one is BASE_IMAGE_NOT_FOUND at its place, with the likely name (D-F10). */
export function baseFinder(
  dockerfile: Dockerfile,
  resolve: (name: string, platform: Platform) => Promise<BaseImage>,
): FindBase {
  const found = new Map<string, Promise<BaseImage>>()
  return async (name, platform, use) => {
    const key = `${formatPlatform(platform)} ${name}`
    const pending = found.get(key) ?? resolve(name, platform)
    found.set(key, pending)
    try {
      return await pending
    } catch (error) {
      if (!isMilleError(error) || error.kind === 'canceled' || error.kind === 'internal') throw error
      const place = { dockerfile, instruction: use.instruction, range: use.word.range }
      const code = error.kind === 'not-found' ? 'BASE_IMAGE_NOT_FOUND' : 'BASE_IMAGE_UNAVAILABLE'
      const { suggestion: local } = error.details
      const suggestion =
        likelyStage(dockerfile, name) ?? (typeof local === 'string' ? local : likelyImage(name))
      throw failAt(code, place, error.message, { suggestion, cause: error })
    }
  }
}

function likelyStage({ stages }: Dockerfile, name: string): string | undefined {
  return suggest(
    name,
    stages.flatMap(({ name: stage }) => stage ?? []),
  )
}

/** A common image; the tag stays. */
function likelyImage(name: string): string | undefined {
  const colon = name.search(/[:@]/)
  const repository = colon < 0 ? name : name.slice(0, colon)
  const image = suggest(repository, commonImages)
  return image === undefined ? undefined : image + name.slice(repository.length)
}

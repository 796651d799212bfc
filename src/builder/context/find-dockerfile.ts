import { readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { limits } from '../../dockerfile/limits.ts'
import { failure, isMilleError, type MilleError } from '../../util/errors.ts'
import type { BuildRequest } from '../build.ts'
import { readInRoot } from './ignore-file.ts'
import { cleanParts } from './select-sources.ts'
import type { TarTree } from './tar-tree.ts'

/** Names looked for without `-f`, in this order. */
const defaultNames = ['Dockerfile', 'Containerfile']
const otherCases = ['dockerfile', 'DOCKERFILE', 'containerfile']

type DockerfileOption = Exclude<BuildRequest['dockerfile'], { readonly kind: 'url' }>

export interface FoundDockerfile {
  readonly source: Buffer | string
  /** As the user knows it. */
  readonly fileName: string
  /** Where it is: absolute for one on disk, else from the root of its tree. */
  readonly path?: string
}

/** In a folder or, as `-f` says it, elsewhere on this machine. DOCKERFILE_NOT_FOUND with what is there instead (D-C2, D-C3). */
export function findInFolder(root: string, option: DockerfileOption): FoundDockerfile {
  if (option?.kind === 'text') return { source: option.text, fileName: 'Dockerfile' }
  if (option !== undefined) return findGiven(root, option.path)
  for (const name of defaultNames) {
    const source = readInRoot(root, name)
    if (source !== undefined) return { source, fileName: name, path: join(root, name) }
  }
  const near = otherCases.find((name) => readInRoot(root, name) !== undefined)
  throw notFound(`no ${defaultNames.join(' or ')} in ${root}${hint(near)}`)
}

function findGiven(root: string, given: string): FoundDockerfile {
  const candidates = [...new Set([resolve(given), resolve(root, given)])]
  const path = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false }) !== undefined)
  if (path === undefined) throw notFound(`${given} is not there`)
  if (!statSync(path).isFile())
    throw notFound(`${given} is not a file${statSync(path).isDirectory() ? ' but a folder' : ''}`)
  return { source: readFileSync(path), fileName: given, path }
}

/** In the files of a tar or repository (`where`), never outside of them (C-B15). */
export function findInTree(tree: TarTree, where: string, option: DockerfileOption): FoundDockerfile {
  if (option?.kind === 'text') return { source: option.text, fileName: 'Dockerfile' }
  const names = option === undefined ? defaultNames : [cleanParts(option.path).join('/')]
  for (const name of names) {
    const source = tree.read(name, limits.fileBytes)
    if (source !== undefined) return { source, fileName: name, path: name }
  }
  const near =
    option === undefined
      ? otherCases.find((name) => tree.read(name, limits.fileBytes) !== undefined)
      : undefined
  throw notFound(`${where} has no ${names.join(' or ')}${hint(near)}`)
}

/** Without a context. */
export function findAlone(option: DockerfileOption): FoundDockerfile {
  if (option === undefined) throw notFound('there is no context and no -f')
  if (option.kind === 'text') return { source: option.text, fileName: 'Dockerfile' }
  try {
    return { source: readFileSync(option.path), fileName: option.path }
  } catch (error) {
    throw notFound(isMilleError(error) ? error.message : `${option.path} cannot be read`)
  }
}

function hint(near: string | undefined): string {
  return near === undefined ? '' : `; found "${near}": use -f ${near}`
}

function notFound(reason: string): MilleError {
  return failure('DOCKERFILE_NOT_FOUND', { reason })
}

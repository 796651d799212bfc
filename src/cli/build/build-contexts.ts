import { type Stats, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { BuildContext, NamedContext, TreeContext } from '../../builder/build.ts'
import { parseGitReference } from '../../dockerfile/git-reference.ts'
import { parseReference } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'

/** What `build` was told to build from: `-`, a folder, a git repository or another URL (B11, B12). */
export function buildContext(source: string, io: { readonly stdin: Readable }): BuildContext {
  if (source === '-') return { kind: 'stream', stream: io.stdin }
  const info = statIfThere(source)
  if (info?.isDirectory() === true) return { kind: 'folder', path: source }
  const remote = remoteContext(source)
  if (remote !== undefined) return remote
  throw info === undefined
    ? problem(`path "${source}" not found`)
    : problem(`path "${source}" is a file: name its folder, and the Dockerfile with -f`)
}

/** `--build-context NAME=VALUE` (B13). */
export function namedContexts(flags: readonly string[]): Record<string, NamedContext> {
  const entries = flags.map((flag) => {
    const equals = flag.indexOf('=')
    if (equals <= 0 || equals === flag.length - 1) {
      throw failure('CLI_FAILED', { reason: `invalid context value "${flag}": must be NAME=VALUE` })
    }
    const name = flag.slice(0, equals)
    return [name, namedContext(name, flag.slice(equals + 1))] as const
  })
  return Object.fromEntries(entries)
}

const prefixes = ['docker-image://', 'oci-layout://', 'target:']

function namedContext(name: string, value: string): NamedContext {
  const wrong = (reason: string): Error =>
    failure('CLI_FAILED', { reason: `invalid context "${name}": ${reason}` })
  if (value.startsWith('docker-image://')) {
    const reference = value.slice('docker-image://'.length)
    if (reference !== 'scratch') parseReference(reference)
    return { kind: 'image', reference }
  }
  if (value.startsWith('oci-layout://')) {
    const [, path = '', tag, digest] = /^(.*?)(?::([^:/@]*))?(?:@(.*))?$/s.exec(value.slice(13)) ?? []
    if (path === '') throw wrong('oci-layout:// needs a folder')
    return {
      kind: 'layout',
      path,
      ...(tag === undefined ? {} : { tag }),
      ...(digest === undefined ? {} : { digest }),
    }
  }
  if (value.startsWith('target:')) return { kind: 'stage', name: value.slice('target:'.length) }
  const info = statIfThere(value)
  if (info?.isDirectory() === true) return { kind: 'folder', path: value }
  const remote = remoteContext(value)
  if (remote !== undefined) return remote
  const near = suggest(value.replace(/:.*/s, '://'), prefixes)
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`
  throw wrong(info === undefined ? `"${value}" is no folder and no URL${hint}` : `"${value}" is no folder`)
}

/** `github.com/owner/repo` is a repository here, as it always was for contexts; a folder of that name comes first. */
function remoteContext(text: string): TreeContext | undefined {
  const whole = text.startsWith('github.com/')
    ? text.replace(/^([^?#]*?)(\.git)?([?#]|$)/, 'https://$1.git$3')
    : text
  const reference = parseGitReference(whole)
  if (reference === undefined) return /^https?:\/\//i.test(text) ? { kind: 'http', url: text } : undefined
  if ('reason' in reference) throw problem(reference.reason)
  return { kind: 'git', reference }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

function problem(reason: string): Error {
  return failure('CLI_FAILED', { reason: `unable to prepare context: ${reason}` })
}

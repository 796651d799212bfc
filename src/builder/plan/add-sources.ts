import type { AddInstruction, CopyInstruction, Word } from '../../dockerfile/ast.ts'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import { checkCommit, parseGitReference } from '../../dockerfile/git-reference.ts'
import { checkChecksum } from '../../dockerfile/values.ts'
import type { MilleError } from '../../util/errors.ts'
import type { Reading } from './config-instructions.ts'
import { refuse } from './config-instructions.ts'
import type { AddOp } from './step.ts'

type AddSources = Pick<AddOp, 'sources' | 'urls' | 'repositories' | 'checksum'>

const isUrl = (source: string): boolean => /^https?:\/\//i.test(source)

/** Sorts the sources of ADD, their variables replaced: files of the context, URLs, git repositories (B45 to B48). */
export function addSources(
  reading: Reading,
  instruction: AddInstruction,
  all: readonly string[],
  checksum: string | undefined,
): AddSources {
  const sources: string[] = []
  const urls: string[] = []
  const repositories: GitReference[] = []
  const fail = refuser(reading, instruction)
  for (const [index, source] of all.entries()) {
    const found = parseGitReference(source)
    if (found !== undefined && 'reason' in found) throw fail(wordOf(instruction, index), found.reason)
    if (found !== undefined) repositories.push(withFlags(found, instruction, checksum, fail))
    else if (isUrl(source)) urls.push(source)
    else if (/^[a-z][a-z0-9+.-]*:(\/\/|:)/i.test(source)) {
      throw fail(wordOf(instruction, index), `ADD takes http, https, ssh and git URLs, not "${source}"`)
    } else sources.push(source)
  }
  if (checksum === undefined) return { sources, urls, repositories }
  if (urls.length + repositories.length !== 1 || sources.length > 0) {
    throw fail(instruction.checksum, 'ADD --checksum is for one http, https or git source')
  }
  const fault = (urls.length === 1 ? checkChecksum : checkCommit)(checksum)
  if (fault !== undefined) throw fail(instruction.checksum, fault.reason)
  return { sources, urls, repositories, ...(urls.length === 1 ? { checksum } : {}) }
}

/** COPY is for files: D-F16 would only say that there is no such file. */
export function refuseUrls(reading: Reading, instruction: CopyInstruction, sources: readonly string[]): void {
  for (const [index, source] of sources.entries()) {
    const what = isUrl(source)
      ? 'a URL'
      : parseGitReference(source) === undefined
        ? undefined
        : 'a git repository'
    if (what === undefined) continue
    throw refuser(reading, instruction)(wordOf(instruction, index), `COPY does not take ${what}: use ADD`)
  }
}

type Refuse = (word: Pick<Word, 'range'> | undefined, reason: string) => MilleError

function refuser(reading: Reading, instruction: AddInstruction | CopyInstruction): Refuse {
  return (word, reason) => refuse(reading, instruction, word ?? instruction, { reason })
}

function wordOf({ sources }: AddInstruction | CopyInstruction, index: number): Word | undefined {
  return sources.flatMap((source) => (source.kind === 'path' ? [source.word] : []))[index]
}

/** `--checksum` and `--keep-git-dir` say what the URL may say too; they must not disagree. */
function withFlags(
  reference: GitReference,
  instruction: AddInstruction,
  checksum: string | undefined,
  fail: Refuse,
): GitReference {
  const { commit, keepGitDir } = reference
  if (checksum !== undefined && commit !== undefined && checksum !== commit) {
    throw fail(instruction.checksum, `the URL says commit ${commit}`)
  }
  if (
    instruction.keepGitDir !== undefined &&
    keepGitDir !== undefined &&
    instruction.keepGitDir !== keepGitDir
  ) {
    throw fail(undefined, `the URL says keep-git-dir=${keepGitDir}`)
  }
  return {
    ...reference,
    ...(checksum === undefined ? {} : { commit: checksum }),
    ...(instruction.keepGitDir === undefined ? {} : { keepGitDir: instruction.keepGitDir }),
  }
}

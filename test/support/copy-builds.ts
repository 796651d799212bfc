import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { lstatSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildEvent, BuildRequest, BuildResult } from '../../src/builder/build.ts'
import { chainIdOf } from '../../src/oci/digest.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { readText } from '../../src/util/read-text.ts'
import type { TestBuilder } from './open-builder.ts'
import { openTestBuilder } from './open-builder.ts'

/** A builder with a context folder of its own: files are written, Dockerfiles built, and their images looked into. */
export interface CopyBuilds extends AsyncDisposable {
  readonly tool: TestBuilder
  /** The context folder. */
  readonly context: string
  write(path: string, content?: string | Buffer): void
  build(lines: readonly string[], options?: Partial<BuildRequest>): Promise<BuildResult>
  /** As `build`, of one that a step or the Dockerfile's own mistake ends: with a message that `text` matches. */
  refused(lines: readonly string[], text: RegExp, options?: Partial<BuildRequest>): Promise<void>
  /** What the steps of the last build wrote. */
  output(): string
  /** Warnings of the last build, `rule: message`. */
  warnings(): readonly string[]
  /** `path mode uid:gid` of all below `folder`, sorted; content behind `=` for files, target behind `->` for links. */
  list(result: BuildResult, folder?: string): Promise<string[]>
}

export async function openCopyBuilds(): Promise<CopyBuilds> {
  const tool = await openTestBuilder()
  const context = mkdtempSync(join(tmpdir(), 'mille-context-'))
  let warnings: string[] = []
  let output = ''
  let looks = 0
  const onEvent = (event: BuildEvent): void => {
    if (event.type === 'output') output += event.chunk.toString()
    if (event.type === 'warning') warnings.push(`${event.rule}: ${event.message}`)
  }
  const builds: CopyBuilds = {
    tool,
    context,
    write(path, content = path) {
      mkdirSync(dirname(join(context, path)), { recursive: true })
      writeFileSync(join(context, path), content)
    },
    async build(lines, options = {}) {
      warnings = []
      output = ''
      const dockerfile = { kind: 'text', text: lines.join('\n') } as const
      return await tool.build(
        { context: { kind: 'folder', path: context }, dockerfile, ...options },
        { onEvent },
      )
    },
    async refused(lines, text, options) {
      await assert.rejects(builds.build(lines, options), (error) => {
        assert.ok(isMilleError(error, 'STEP_FAILED', 'DOCKERFILE_INVALID'), String(error))
        assert.match(error.message, text)
        return true
      })
    },
    output: () => output,
    warnings: () => warnings,
    async list(result, folder = 'o') {
      const key = `look-${looks++}`
      const { path } = await tool.store.snapshots.view(
        key,
        chainIdOf(tool.store.images.get(result.id)?.config.rootfs.diff_ids ?? []),
      )
      try {
        return listBelow(join(path, folder))
      } finally {
        await tool.store.snapshots.remove(key)
      }
    },
    async [Symbol.asyncDispose]() {
      rmSync(context, { recursive: true, force: true })
      await tool[Symbol.asyncDispose]()
    },
  }
  return builds
}

/** Everything in `folder`, relative to it. */
export function listBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .toSorted()
    .map((name) => {
      const path = join(folder, name)
      const status = lstatSync(path)
      const facts = `${name} ${(status.mode & 0o7777).toString(8)} ${status.uid}:${status.gid}`
      if (status.isSymbolicLink()) return `${facts} -> ${readlinkSync(path)}`
      return status.isFile() ? `${facts} = ${readText(path)}` : facts
    })
}

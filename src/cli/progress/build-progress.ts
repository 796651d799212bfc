import type { BuildEvent, BuildResult } from '../../builder/build.ts'
import type { OutputStream } from '../command.ts'
import { plainBuild } from './plain-build.ts'
import { rawJsonBuild } from './raw-json-build.ts'
import { terminalBuild } from './terminal-build.ts'

/** A view of a running build. */
export interface BuildView {
  onEvent(event: BuildEvent): void
  /** Draws the end; no event comes afterwards. `result` is absent when the build failed. */
  finish(result?: BuildResult): void
}

export const progressKinds = ['auto', 'plain', 'tty', 'rawjson', 'quiet', 'none'] as const

export type ProgressKind = (typeof progressKinds)[number]

const silent: BuildView = { onEvent() {}, finish() {} }

/** The view for `--progress`; `auto` is live on a terminal and plain elsewhere. `expanded`: warnings with their lines. */
export function buildProgress(kind: ProgressKind, output: OutputStream, expanded = false): BuildView {
  if (kind === 'quiet' || kind === 'none') return silent
  if (kind === 'rawjson') return rawJsonBuild(output)
  if (kind === 'tty' || (kind === 'auto' && output.isTTY)) return terminalBuild(output, expanded)
  return plainBuild(output, expanded)
}

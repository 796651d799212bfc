import { posix } from 'node:path'
import type { Dockerfile } from '../dockerfile/ast.ts'
import { expandAt } from '../dockerfile/located.ts'
import { parseDockerfile } from '../dockerfile/parser.ts'
import type { Problem } from '../dockerfile/problem.ts'
import type { ContainerConfig } from '../oci/config.ts'
import { hostPlatform } from '../oci/platform.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { applyConfig } from './plan/config-instructions.ts'
import { emptyState, imagePlanOf, lookupIn, workdirOf, type StageState } from './plan/stage-state.ts'

/**
 * A config under Dockerfile instructions that need no file system (`commit -c`, `import -c`: C13), changed as a build
 * would. CHANGE_INVALID, CHANGE_NOT_ALLOWED.
 */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  if (changes.length === 0) return config
  const dockerfile = parseChanges(changes)
  if (dockerfile.stages.length > 1) throw failure('CHANGE_NOT_ALLOWED', { instruction: 'FROM' })
  const instructions = dockerfile.stages[0]?.instructions ?? []
  const state = stateOf(config)
  const reading = { dockerfile, buildArgs: new Map(), globals: new Map(), warnings: [] }
  for (const instruction of instructions) {
    switch (instruction.kind) {
      case 'RUN':
      case 'COPY':
      case 'ADD':
      case 'ARG':
      case 'MAINTAINER':
      case 'SHELL':
        throw failure('CHANGE_NOT_ALLOWED', { instruction: instruction.kind })
      case 'UNSET':
        throw failure('CHANGE_NOT_ALLOWED', { instruction: instruction.keyword })
      case 'WORKDIR': {
        const path = expandAt(dockerfile, instruction, instruction.path, lookupIn(state))
        state.config.WorkingDir = posix.resolve(workdirOf(state), path)
        break
      }
      default:
        applyConfig(reading, state, instruction)
    }
  }
  return imagePlanOf(state).config
}

/** Nobody wrote a Dockerfile here: what is wrong is told by the change, not by the line of a file. */
function parseChanges(changes: readonly string[]): Dockerfile {
  const lines = ['FROM scratch', ...changes].join('\n').split('\n')
  try {
    return parseDockerfile(lines.join('\n'), { fileName: 'change' })
  } catch (error) {
    if (!isMilleError(error, 'DOCKERFILE_INVALID')) throw error
    const [problem] = error.details['problems'] as readonly Problem[]
    const change = lines[(problem?.line ?? 0) - 1] ?? ''
    if (problem?.kind === 'unknown-instruction') {
      const [instruction = ''] = change.trim().split(/\s/, 1)
      throw failure('CHANGE_NOT_ALLOWED', { instruction }, { cause: error })
    }
    throw failure('CHANGE_INVALID', { change, reason: problem?.message ?? error.message }, { cause: error })
  }
}

function stateOf({ Env = [], ...config }: ContainerConfig): StageState {
  const env = new Map(
    Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  // a commit's ENTRYPOINT keeps the container's CMD: it is what the user runs, not what a base happened to have
  return { ...emptyState(hostPlatform()), env, config, hasCmd: true }
}

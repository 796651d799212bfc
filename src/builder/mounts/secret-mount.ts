import { suggest } from '../../util/suggest.ts'
import { isMilleError } from '../../util/errors.ts'
import type { PlannedMount } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepSecretFile } from '../step-runner.ts'
import { mountFailure } from './mount-failure.ts'

type SecretMountOp = Extract<PlannedMount, { type: 'secret' }>

/** BuildKit's limit, bytes. */
const largestSecret = 500 * 1024

export interface OpenedSecrets {
  /** `K=V` lines. */
  readonly env: readonly string[]
  readonly files: readonly StepSecretFile[]
}

/**
 * The secrets of a step as they go to the runtime (B32). One that was not given is left out, unless it is required; its
 * variable is empty then. STEP_FAILED names the secret, never its value.
 */
export async function openSecrets(
  session: BuildSession,
  inputs: StepInputs,
  mounts: readonly SecretMountOp[],
): Promise<OpenedSecrets> {
  const env: string[] = []
  const files: StepSecretFile[] = []
  for (const mount of mounts) {
    const content = await read(session, inputs, mount)
    if (mount.env !== undefined) env.push(`${mount.env}=${variable(session, inputs, mount, content)}`)
    const { target, mode, uid, gid } = mount
    if (content !== undefined && target !== undefined) files.push({ target, content, mode, uid, gid })
  }
  return { env, files }
}

async function read(
  session: BuildSession,
  inputs: StepInputs,
  mount: SecretMountOp,
): Promise<Uint8Array | undefined> {
  const { id, required } = mount
  const source = session.secrets.get(id)
  if (source === undefined) {
    if (!required) return undefined
    const suggestion = suggest(id, session.secrets.keys())
    const reason = `secret "${id}" is required here: give it with --secret id=${id},src=FILE`
    throw mountFailure(session, inputs, mount, reason, { suggestion })
  }
  try {
    const content = await source.read()
    if (content.length <= largestSecret) return content
  } catch (error) {
    if (!isMilleError(error)) throw error
    throw mountFailure(session, inputs, mount, `secret "${id}": ${error.message}`, { cause: error })
  }
  const reason = `secret "${id}" is larger than ${largestSecret} bytes`
  throw mountFailure(session, inputs, mount, reason)
}

function variable(
  session: BuildSession,
  inputs: StepInputs,
  mount: SecretMountOp,
  content: Uint8Array = new Uint8Array(),
): string {
  if (!content.includes(0)) return Buffer.from(content).toString()
  throw mountFailure(session, inputs, mount, `secret "${mount.id}" has a NUL byte: no variable can hold it`)
}

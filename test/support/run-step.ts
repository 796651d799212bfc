import type { Readable } from 'node:stream'
import type { ProcessSpec, Runtime } from '../../src/runtime/runtime.ts'
import { uniqueId } from './unique-id.ts'

export const stepId: string = uniqueId('step')

export interface StepOutput {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A shell script as a RUN step in `rootfs`; `extra` has at least its network. */
export function scriptSpec(
  rootfs: string,
  script: string,
  extra: Partial<ProcessSpec> & Pick<ProcessSpec, 'network'>,
): ProcessSpec {
  const plain = { env: [], cwd: '/', user: '', hostname: 'step', mounts: [] }
  return { rootfs, args: ['sh', '-c', script], ...plain, ...extra }
}

/** Runs it to its end. */
export async function runStep(
  runtime: Pick<Runtime, 'run'>,
  spec: ProcessSpec,
  stdin?: Readable,
): Promise<StepOutput> {
  const text = { stdout: '', stderr: '' }
  const onOutput = (stream: 'stdout' | 'stderr', chunk: Buffer): void => {
    text[stream] += chunk.toString()
  }
  const result = await runtime.run(stepId, spec, stdin === undefined ? { onOutput } : { onOutput, stdin })
  return { code: result.exitCode, out: text.stdout, err: text.stderr }
}

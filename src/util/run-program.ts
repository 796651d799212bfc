import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { failure } from './errors.ts'

export interface ProgramOptions {
  readonly input?: string
  readonly signal?: AbortSignal | undefined
  readonly env?: NodeJS.ProcessEnv
  /** Bytes of output kept at most; what is beyond is dropped. Default 16 MiB. */
  readonly limit?: number
}

export interface ProgramOutput {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs a program of this machine to its end, without a shell. PROGRAM_FAILED when it cannot be started or exits with an error. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramOutput> {
  const output = await tryProgram(program, args, options)
  if (output.exitCode !== 0) {
    const reason = output.stderr.trim() || `exit code ${output.exitCode}`
    throw failure('PROGRAM_FAILED', { program, reason })
  }
  return output
}

/** As `runProgram`, but an exit code other than 0 is a result. */
export async function tryProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramOutput> {
  const { input, signal, env, limit = 16 * 1024 * 1024 } = options
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    signal,
    env,
  })
  const ended = new Promise<number>((resolve, reject) => {
    child.once('close', (code, signalName) => resolve(code ?? (signalName === null ? 1 : 128)))
    child.once('error', (cause) =>
      reject(failure('PROGRAM_FAILED', { program, reason: cause.message }, { cause })),
    )
  })
  if (child.stdin) {
    // a program that does not read its input is judged by its exit code, not by EPIPE
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  }
  const stdout = collectBytes(child.stdout as Readable, limit)
  const stderr = collectText(child.stderr as Readable, limit)
  const exitCode = await ended
  return { exitCode, stdout: await stdout, stderr: await stderr }
}

/** At most `limit` bytes of a stream; what is beyond is read and dropped, so that the writer never blocks. */
export async function collectBytes(stream: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (size < limit) chunks.push(chunk.subarray(0, limit - size))
    size += chunk.length
  }
  return Buffer.concat(chunks)
}

export async function collectText(stream: Readable, limit: number): Promise<string> {
  return (await collectBytes(stream, limit)).toString()
}

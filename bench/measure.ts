import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A command line and the variables it needs above those of this process. */
export interface Command {
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Run {
  readonly seconds: number
  readonly stdout: string
}

/** Runs a whole process and times it from outside, from before fork to its end. Throws, with its last output, when it fails. */
export function run(command: Command, options: { readonly stdin?: Buffer } = {}): Promise<Run> {
  const [program = '', ...parameters] = command.argv
  return new Promise((resolve, reject) => {
    const started = process.hrtime.bigint()
    const child = spawn(program, parameters, { env: { ...process.env, ...command.env } })
    const out: Buffer[] = []
    const all: Buffer[] = []
    let end = started
    child.stdout.on('data', (chunk: Buffer) => {
      out.push(chunk)
      all.push(chunk)
    })
    child.stderr.on('data', (chunk: Buffer) => all.push(chunk))
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.stdin)
    child.once('error', reject)
    child.once('exit', () => {
      end = process.hrtime.bigint()
    })
    child.once('close', (code, signal) => {
      if (code === 0)
        return resolve({ seconds: Number(end - started) / 1e9, stdout: Buffer.concat(out).toString() })
      const shown = Buffer.concat(all).toString().trimEnd().split('\n').slice(-5).join('\n')
      reject(new Error(`${command.argv.join(' ')}: ${signal ?? `exit ${code}`}\n${shown}`))
    })
  })
}

/** As `run`; a failure is no error. True when the command went well. */
export function succeeds(command: Command): Promise<boolean> {
  return run(command).then(
    () => true,
    () => false,
  )
}

/**
 * Peak memory in MiB (VmHWM) of a mille command's own process, told by the process itself at its exit: sampling from
 * outside would miss the peak of a short one.
 */
export async function peakMemory(command: Command): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'mille-bench-'))
  try {
    const report = join(folder, 'status')
    const env = { ...command.env, MILLE_BENCH_REPORT: report, NODE_OPTIONS: `--import=${reporter}` }
    await run({ argv: command.argv, env })
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(report, 'utf8'))
    return Number(line?.[1] ?? Number.NaN) / 1024
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Loaded into the measured process; as plain JavaScript in the URL, because stripping types would itself take memory. */
const reporter = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeFileSync } from 'node:fs'
  const report = process.env.MILLE_BENCH_REPORT
  // processes that outlive or serve this one (the monitor's end command) must not write over it
  delete process.env.MILLE_BENCH_REPORT
  delete process.env.NODE_OPTIONS
  if (report) process.on('exit', () => writeFileSync(report, readFileSync('/proc/self/status')))
`)}`

export interface Statistics {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function statistics(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[index] ?? Number.NaN
  const middle = (sorted.length - 1) / 2
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  }
}

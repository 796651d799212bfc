import { PassThrough, Readable } from 'node:stream'
import { dispatch } from '../../src/cli/dispatch.ts'
import { fakeEngine, type FakeEngineParts, fakeNow } from './fake-engine.ts'

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface CliOptions {
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard output claims to be a terminal. */
  readonly tty?: boolean
}

/** Runs one command line in this process against a fake engine. */
export async function runCli(
  argv: readonly string[],
  parts: FakeEngineParts = {},
  options: CliOptions = {},
): Promise<CliResult> {
  const stdout = collector(options.tty ?? false)
  const stderr = collector(false)
  const code = await dispatch(argv, {
    io: {
      stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
      stdout: stdout.stream,
      stderr: stderr.stream,
    },
    signal: new AbortController().signal,
    signals: { intercept: () => () => undefined },
    env: options.env ?? {},
    now: () => fakeNow,
    openEngine: () => Promise.resolve(fakeEngine(parts)),
  })
  return { code, out: stdout.text(), err: stderr.text() }
}

function collector(isTTY: boolean): { readonly stream: PassThrough & { isTTY: boolean }; text(): string } {
  const chunks: Buffer[] = []
  const stream = Object.assign(new PassThrough(), { isTTY })
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return {
    stream,
    text: () => {
      // what PassThrough has not handed on yet
      for (let chunk: Buffer | null; (chunk = stream.read() as Buffer | null) !== null;) chunks.push(chunk)
      return Buffer.concat(chunks).toString()
    },
  }
}

import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** Both have it under this name: what the cases are built on. */
export const base = 'mille-compare-base'

/** A program that takes Docker's command line. */
export interface Contestant {
  readonly name: 'mille' | 'docker'
  run(words: readonly string[]): Promise<void>
  build(image: string, context: string, options: readonly string[]): Promise<void>
  save(image: string, archive: string): Promise<void>
  load(archive: string): Promise<void>
  /** Those that are there. */
  remove(images: readonly string[]): Promise<void>
}

/** This checkout's own command, on a store of its own. Times as Docker keeps them, to be compared. */
export function mille(root: string): Contestant {
  const program = join(import.meta.dirname, '../../bin/mille')
  return contestant('mille', [program], ['--timestamps', 'preserve'], { MILLE_ROOT: root })
}

/** `MILLE_COMPARE_DOCKER` is the command, words apart by spaces; default `docker`. */
export function docker(): Contestant {
  const words = (process.env['MILLE_COMPARE_DOCKER'] ?? 'docker').split(' ')
  // an attestation would make an index of each image; what an earlier run made has earlier times
  return contestant('docker', words, ['--provenance=false', '--no-cache'], { DOCKER_BUILDKIT: '1' })
}

function contestant(
  name: Contestant['name'],
  command: readonly string[],
  always: readonly string[],
  env: Readonly<Record<string, string>>,
): Contestant {
  const run = async (words: readonly string[], files: Files = {}): Promise<void> =>
    await runProgram([...command, ...words], env, files)
  return {
    name,
    run,
    build: async (image, context, options) =>
      await run(['build', ...always, '--progress', 'plain', '-t', image, ...options, context]),
    save: async (image, archive) => await run(['save', image], { output: archive }),
    load: async (archive) => await run(['load'], { input: archive }),
    remove: async (images) => {
      for (const image of images) await run(['rmi', '-f', image]).catch(() => undefined)
    },
  }
}

interface Files {
  readonly input?: string
  readonly output?: string
}

/** Throws with the end of what the program said when it fails. */
async function runProgram(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  { input, output }: Files,
): Promise<void> {
  const [program = '', ...rest] = words
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: 'pipe' })
  const said: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk))
  if (output === undefined) child.stdout.on('data', (chunk: Buffer) => said.push(chunk))
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const written = output === undefined ? undefined : pipeline(child.stdout, createWriteStream(output))
  if (input === undefined) child.stdin.end()
  else await pipeline(createReadStream(input), child.stdin)
  const [code] = await Promise.all([ended, written])
  if (code === 0) return
  const last = Buffer.concat(said).toString().trimEnd().split('\n').slice(-12).join('\n')
  throw new Error(`${words.join(' ')}: exit ${code}\n${last}`)
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Ran, TestMille } from './mille.ts'

/** A folder with compose files, its project named like no other's. Disposing takes down what runs of it. */
export interface ComposeProject extends Disposable {
  readonly name: string
  readonly folder: string
  write(file: string, text: string): void
  run(...args: readonly string[]): Ran
  /** As `run`; throws with the output when the exit code is not 0. Returns standard output, trimmed. */
  ok(...args: readonly string[]): string
  /** `web-1 running`, one a line: all containers of the project by name. */
  states(): string[]
}

export function composeProject(
  mille: TestMille,
  text: string,
  env: Readonly<Record<string, string>> = {},
): ComposeProject {
  const folder = mkdtempSync(join(tmpdir(), 'mille-compose-'))
  const name = `t${folder.slice(-6).toLowerCase()}`
  const write = (file: string, content: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), content)
  }
  write('compose.yaml', text)
  const run = (...args: readonly string[]): Ran =>
    mille.run(['compose', '-p', name, ...args], { cwd: folder, env })
  const ok = (...args: readonly string[]): string => {
    const { code, out, err } = run(...args)
    if (code !== 0) throw new Error(`compose ${args.join(' ')}: exit ${code}\n${out}${err}`)
    return out.trim()
  }
  return {
    name,
    folder,
    write,
    run,
    ok,
    states: () =>
      ok('ps', '-a', '--format', '{{.Name}} {{.State}}')
        .split('\n')
        .filter(Boolean)
        .map((line) => line.replace(`${name}-`, '')),
    [Symbol.dispose]() {
      run('down', '-v', '-t', '0', '--remove-orphans')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

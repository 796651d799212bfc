import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Ran } from './mille.ts'
import { umount } from './umount.ts'

const uid = 1000
const idFiles = ['subuid', 'subgid'] as const
const top = resolve(import.meta.dirname, '../..')

/** The command as an ordinary user has it: uid 1000, with a home, a store and a copy of the package of its own. */
export interface OrdinaryUser {
  readonly home: string
  run(...args: readonly string[]): Ran
  /** `input`: on standard input. */
  runWith(input: string, ...args: readonly string[]): Ran
  ok(...args: readonly string[]): string
  [Symbol.dispose](): void
}

export function ordinaryUser(): OrdinaryUser {
  const home = mkdtempSync(join(tmpdir(), 'mille-user-'))
  writeUserFiles(home)
  const missing = idFiles.map((name) => `/etc/${name}`).filter((path) => !existsSync(path))
  // something to mount on
  for (const path of missing) writeFileSync(path, '')
  // the checkout may lie where only root can read
  copyPackage(home)
  for (const name of ['run', 'ctx', 'share']) mkdirSync(join(home, name), { mode: 0o700 })
  for (const path of [home, join(home, 'run'), join(home, 'ctx'), join(home, 'share')])
    chownSync(path, uid, uid)
  const env = {
    PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
    HOME: home,
    XDG_RUNTIME_DIR: join(home, 'run'),
    XDG_DATA_HOME: join(home, 'share'),
  }
  const run = (...args: readonly string[]): Ran => runWith('', ...args)
  const runWith = (input: string, ...args: readonly string[]): Ran => {
    const shown = ['passwd', ...idFiles].map((name) => `mount --bind "$0/etc/${name}" /etc/${name} || exit`)
    const script = `mount --bind "$0/tun" /dev/net/tun 2>/dev/null; ${shown.join('; ')}; exec setpriv --reuid=${uid} --regid=${uid} --clear-groups "$@"`
    const words = ['--mount', 'sh', '-c', script, home, join(home, 'package/bin/mille'), ...args]
    const result = spawnSync('unshare', words, { env, cwd: home, input })
    return { code: result.status ?? 128, out: result.stdout.toString(), err: result.stderr.toString() }
  }
  return {
    home,
    run,
    runWith,
    ok(...args) {
      const { code, out, err } = run(...args)
      if (code !== 0) throw new Error(`mille ${args.join(' ')}: exit ${code}\n${out}${err}`)
      return out.trim()
    },
    [Symbol.dispose]() {
      const ids = run('ps', '-aq').out.split('\n').filter(Boolean)
      if (ids.length > 0) run('rm', '-fv', ...ids)
      endNamespace(home)
      umount(home)
      rmSync(home, { recursive: true, force: true })
      for (const path of missing) rmSync(path)
    },
  }
}

/** The process that holds the user's namespace open. */
function endNamespace(home: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(join(home, 'run/mille/namespace.json')).toString()) as {
      pid: number
    }
    process.kill(pid, 'SIGKILL')
  } catch {
    // none was made
  }
}

function copyPackage(home: string): void {
  const folder = join(home, 'package')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  spawnSync(join(top, 'bin/mille'), ['version'])
  for (const name of ['bin', 'dist']) cpSync(join(top, name), join(folder, name), { recursive: true })
  for (const name of ['koffi', '@koromix'])
    cpSync(realpathSync(join(top, 'node_modules', name)), join(folder, 'node_modules', name), {
      recursive: true,
    })
  mkdirSync(join(home, 'bin'))
  cpSync(process.execPath, join(home, 'bin/node'))
  // most machines let everybody open it; made anew here for those that do not
  spawnSync('mknod', ['-m', '666', join(home, 'tun'), 'c', '10', '200'])
  chmodSync(home, 0o755)
}

/**
 * The machine's files of users with one of this number and subordinate ids for it, to be shown to the user in place of the
 * machine's own, which stay as they are.
 */
function writeUserFiles(home: string): void {
  const folder = join(home, 'etc')
  mkdirSync(folder)
  const passwd = readFileSync('/etc/passwd').toString()
  const known = passwd.split('\n').find((line) => line.split(':')[2] === String(uid))
  const name = known?.split(':', 1)[0] ?? 'mille-test'
  const line = known === undefined ? `${name}:x:${uid}:${uid}::/:/bin/sh\n` : ''
  writeFileSync(join(folder, 'passwd'), passwd.replace(/\n?$/, '\n') + line)
  for (const file of idFiles) writeFileSync(join(folder, file), `${name}:1000000:65536\n`)
}

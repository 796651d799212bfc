import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Ran } from './mille.ts'
import { umount } from './umount.ts'

const uid = 1000
const top = resolve(import.meta.dirname, '../..')

/** The command as an ordinary user has it: uid 1000, with a home, a store and a copy of the package of its own. */
export interface OrdinaryUser {
  readonly home: string
  run(...args: readonly string[]): Ran
  ok(...args: readonly string[]): string
  [Symbol.dispose](): void
}

export function ordinaryUser(): OrdinaryUser {
  giveSubordinateIds()
  const home = mkdtempSync(join(tmpdir(), 'mille-user-'))
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
  const run = (...args: readonly string[]): Ran => {
    const script =
      'mount --bind "$0/tun" /dev/net/tun 2>/dev/null; exec setpriv --reuid=1000 --regid=1000 --clear-groups "$@"'
    const words = ['--mount', 'sh', '-c', script, home, join(home, 'package/bin/mille'), ...args]
    const result = spawnSync('unshare', words, { env, cwd: home, input: '' })
    return { code: result.status ?? 128, out: result.stdout.toString(), err: result.stderr.toString() }
  }
  return {
    home,
    run,
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

function giveSubordinateIds(): void {
  if (spawnSync('getent', ['passwd', String(uid)]).status !== 0)
    spawnSync('useradd', ['--uid', String(uid), '--no-create-home', 'mille-test'])
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    const name =
      spawnSync('getent', ['passwd', String(uid)])
        .stdout.toString()
        .split(':', 1)[0] ?? ''
    const known = spawnSync('grep', ['-qE', `^(${name}|${uid}):`, file]).status === 0
    if (!known) appendFileSync(file, `${name}:1000000:65536\n`)
  }
}

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { failure } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { collectText } from '../../util/run-program.ts'

/** A repository on the net as a program may reach it. */
export interface GitRemote {
  /** Without credentials: those must not be seen in a list of processes. */
  readonly url: string
  /** As the user wrote it, for errors. */
  readonly shown: string
  /** Settings for this remote alone: credentials, the address its name led to when it was checked. */
  readonly settings: Readonly<Record<string, string>>
  /** Agent socket of the user, for ssh. */
  readonly sshAgent?: string | undefined
}

export interface GitOptions {
  readonly signal: AbortSignal | undefined
  readonly remote?: GitRemote
  /** The one protocol of repositories on this machine, for mille's own copies. */
  readonly fromOwnCopy?: boolean
}

/** Nothing that a repository, its server or this machine's configuration says may make git run a program (C-B7). */
const settings: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.attributesFile': '/dev/null',
  'credential.helper': '',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'submodule.recurse': 'false',
  'fetch.recurseSubmodules': 'false',
  // redirects are followed by mille, which looks where they lead
  'http.followRedirects': 'false',
  'http.lowSpeedLimit': '1000',
  'http.lowSpeedTime': '60',
  'http.userAgent': 'mille',
  'safe.directory': '*',
  'tar.umask': '0022',
  'pack.threads': '1',
  'init.defaultBranch': 'main',
  'advice.detachedHead': 'false',
}

/** Bytes of one file that git may write, in the shell's blocks of 512: a hostile server must not fill the disk. */
const fileLimit = (16 * 1024 ** 3) / 512
const missingProgram = 127

/** What git gets of this process's environment: where programs are, and the way to the net. */
const passed =
  'PATH http_proxy https_proxy HTTPS_PROXY no_proxy NO_PROXY ALL_PROXY SSL_CERT_FILE SSL_CERT_DIR'.split(' ')

function environment({ remote, fromOwnCopy }: GitOptions): NodeJS.ProcessEnv {
  const all = Object.entries({ ...settings, ...remote?.settings })
  const numbered = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ])
  return {
    ...Object.fromEntries(passed.map((name) => [name, process.env[name]])),
    SSH_AUTH_SOCK: remote?.sshAgent ?? process.env['SSH_AUTH_SOCK'],
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ALLOW_PROTOCOL: fromOwnCopy === true ? 'file' : 'http:https:ssh:git',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true',
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=30 -o PermitLocalCommand=no',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_CONFIG_COUNT: String(all.length),
    ...(Object.fromEntries(numbered) as Record<string, string>),
  }
}

/** A running git; its output has to be read. */
export interface RunningGit {
  readonly output: Readable
  /** Resolves when git has ended well. Errors: GIT_FAILED, PROGRAM_MISSING, CANCELED. */
  readonly ended: Promise<void>
}

export function startGit(args: readonly string[], options: GitOptions): RunningGit {
  const limited = ['-c', 'ulimit -f "$0"; exec git "$@"', String(fileLimit), ...args]
  const child = spawn('/bin/sh', limited, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(options),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  const messages = collectText(child.stderr, 65_536)
  messages.catch(() => undefined)
  const ended = endOf(child, messages, options)
  ended.catch(() => undefined)
  return { output: child.stdout, ended }
}

/** Runs git and resolves with what it printed, at most 64 MiB. */
export async function runGit(args: readonly string[], options: GitOptions): Promise<string> {
  const { output, ended } = startGit(args, options)
  const text = await collectText(output, 64 * 1024 * 1024)
  await ended
  return text
}

/** As `runGit`, but undefined when git says no. */
export async function tryGit(args: readonly string[], options: GitOptions): Promise<string | undefined> {
  const { output, ended } = startGit(args, options)
  const text = await collectText(output, 64 * 1024 * 1024)
  return await ended.then(
    () => text,
    (error: unknown) => {
      if ((error as { code?: unknown }).code === 'GIT_FAILED') return undefined
      throw error
    },
  )
}

async function endOf(
  child: ChildProcess,
  messages: Promise<string>,
  { remote, signal }: GitOptions,
): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  }).catch((cause: unknown) => {
    if (signal?.aborted === true) throw failure('CANCELED', {}, { cause })
    throw cause
  })
  if (signal?.aborted === true) throw failure('CANCELED', {})
  if (code === 0) return
  if (code === missingProgram) throw failure('PROGRAM_MISSING', { program: 'git', package: 'git' })
  throw failure('GIT_FAILED', { url: shownUrl(remote), reason: reasonOf(await messages) })
}

export function shownUrl(remote: Pick<GitRemote, 'shown'> | undefined): string {
  return hidePasswords(remote?.shown ?? 'repository')
}

/** git's own reason in one line. */
function reasonOf(messages: string): string {
  const lines = messages.split('\n').filter((line) => line.trim() !== '')
  const line =
    lines.findLast((text) => /^(fatal|error|ERROR|remote: .*(error|denied|not found))/i.test(text)) ??
    lines.at(-1)
  const reason = (line ?? 'git failed').replace(/^(fatal|error):\s*/i, '').replace(/ after \d+ ms/, '')
  return hidePasswords(reason).slice(0, 500)
}

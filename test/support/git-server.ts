import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Repositories served by git's own smart HTTP backend on loopback. */
export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; a repository is at `/NAME.git`. */
  readonly url: string
  /** Bare repositories. */
  readonly folder: string
  /** Requests so far, `METHOD path`. */
  readonly requests: string[]
  /** Answers before git does when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean
  /** A commit of these files on branch `main` of repository `name`, made when missing. Its ID. */
  commit(name: string, files: Readonly<Record<string, string>>): string
  /** Runs git in the repository's work folder. */
  git(name: string, ...args: readonly string[]): string
}

const identity = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example',
  GIT_COMMITTER_NAME: 'c',
  GIT_COMMITTER_EMAIL: 'c@example',
  GIT_AUTHOR_DATE: '1500000000 +0000',
  GIT_COMMITTER_DATE: '1500000000 +0000',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ALLOW_PROTOCOL: 'file:http',
}

export async function startGitServer(): Promise<GitServer> {
  const folder = mkdtempSync(join(tmpdir(), 'mille-git-'))
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (!made.intercept(request, response)) runBackend(folder, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const git = (name: string, ...args: readonly string[]): string => {
    const work = join(folder, 'work', name)
    return execFileSync('git', ['-C', work, ...args], {
      env: { ...process.env, ...identity },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .toString()
      .trim()
  }
  const made: GitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    folder,
    requests,
    intercept: () => false,
    git,
    commit(name, files) {
      const work = join(folder, 'work', name)
      const bare = join(folder, `${name}.git`)
      if (mkdirSync(work, { recursive: true }) !== undefined) {
        git(name, 'init', '--quiet', '--initial-branch=main')
        execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', bare])
      }
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(work, path)), { recursive: true })
        writeFileSync(join(work, path), content)
      }
      git(name, 'add', '--all')
      git(name, 'commit', '--quiet', '--allow-empty', '--message=m')
      git(name, 'push', '--quiet', '--force', '--all', bare)
      return git(name, 'rev-parse', 'HEAD')
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  return made
}

/** One request through CGI (RFC 3875). */
function runBackend(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: String(request.headers['content-encoding'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  let isHead = true
  child.stdout.on('data', (chunk: Buffer) => {
    if (!isHead) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    isHead = false
    const lines = head.subarray(0, end).toString().split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => line.split(/: ?/, 2) as [string, string]))
    response.writeHead(Number.parseInt(headers['Status'] ?? '200', 10), headers)
    response.write(head.subarray(end + 4))
  })
  child.once('close', () => response.end())
}

import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** Run where its package is found. */
const checkout = resolve(import.meta.dirname, '../..')
const program = `
  const Server = require('@20minutes/s3rver')
  const [directory, name] = process.argv.slice(1)
  const server = new Server({ address: '127.0.0.1', port: 0, directory, silent: true, configureBuckets: [{ name }] })
  server.run().then(({ port }) => console.log(port))
`

/** An S3 server of somebody else's, in a process of its own. It checks signatures. */
export interface S3Server extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly bucket: string
  /** What its only account is known by. */
  readonly credentials: Readonly<Record<'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>>
  /** Files of the bucket, as the server keeps them. */
  keys(): string[]
}

export async function startS3Server(): Promise<S3Server> {
  const folder = mkdtempSync(join(tmpdir(), 'mille-s3-'))
  const bucket = 'caches'
  const child = spawn(process.execPath, ['-e', program, folder, bucket], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((done) => child.once('close', () => done()))
  const port = await new Promise<number>((ready, fail) => {
    child.stdout.once('data', (chunk: Buffer) => ready(Number(chunk)))
    child.once('close', (code) => fail(new Error(`the S3 server ended with ${code}`)))
  })
  return {
    url: `http://127.0.0.1:${port}`,
    bucket,
    credentials: { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' },
    keys: () => readdirSync(join(folder, bucket), { recursive: true, encoding: 'utf8' }).toSorted(),
    async [Symbol.asyncDispose]() {
      child.kill()
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}

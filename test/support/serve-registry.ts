import { once } from 'node:events'
import type { TestMille } from './mille.ts'

export interface ServedProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** `127.0.0.1:PORT`, as in references. */
  readonly host: string
  readonly port: number
  /** Ends the process as kill -9 does; again does nothing. */
  kill(): Promise<void>
}

/** `mille registry serve` as a process of its own, once it listens. It ends with `mille` at the latest. */
export async function serveRegistry(mille: TestMille, ...flags: readonly string[]): Promise<ServedProcess> {
  const child = mille.start('registry', 'serve', '--quiet', ...flags)
  const url = await new Promise<string>((found, failed) => {
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        said += String(text)
        const url = /listens on (\S+)/.exec(said)?.[1]
        if (url !== undefined) found(url)
      })
    }
    child.once('close', () => failed(new Error(`the registry ended: ${said}`)))
  })
  const { host, port } = new URL(url)
  return {
    url,
    host,
    port: Number(port),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

import { parentPort } from 'node:worker_threads'
import { toWire } from './wire-error.ts'
import type { WorkAnswer } from './worker-pool.ts'

/** The other end of `WorkerPool`: answers each message by `work`. To be called once, at the top of a worker's entry. */
export function answerWork<Message>(
  work: (message: Message, progress: (value: unknown) => void) => Promise<unknown>,
): void {
  const port = parentPort
  if (port === null) throw new Error('this file runs only as a worker thread')
  const answer = (value: WorkAnswer): void => port.postMessage(value)
  port.on('message', (message: Message) => {
    work(message, (progress) => answer({ progress })).then(
      (result) => answer({ result }),
      (error: unknown) => answer({ error: toWire(error) }),
    )
  })
}

import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { fromNodeError } from '../../linux/system-failure.ts'
import { answerWork } from '../../util/answer-work.ts'
import { sinkSize, sinkStates, type SinkJob } from './tar-sink.ts'

answerWork(async (job: SinkJob) => Promise.resolve(consume(job)))

/** Takes place after place in their order, waiting for each to be filled. */
function consume({ file, path, data, state }: SinkJob): string {
  const states = new Int32Array(state)
  const hash = createHash('sha256')
  for (let place = 0; ; place = (place + 1) % states.length) {
    Atomics.wait(states, place, sinkStates.free)
    const used = Atomics.load(states, place)
    if (used === sinkStates.end) return hash.digest('hex')
    const bytes = Buffer.from(data, place * sinkSize, used)
    hash.update(bytes)
    try {
      for (let done = 0; done < used;) done += writeSync(file, bytes, done)
    } catch (error) {
      throw fromNodeError(error, path)
    }
    Atomics.store(states, place, sinkStates.free)
    Atomics.notify(states, place)
  }
}

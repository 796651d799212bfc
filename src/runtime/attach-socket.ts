import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectSeqpacket } from '../linux/seqpacket.ts'
import { createOutputQueue } from './output-queue.ts'
import type { OutputQueue } from './output-queue.ts'
import type { AttachedStreams } from './runtime.ts'

/** conmon's buffer is 8 KiB and one byte that names the stream. */
const PACKET = 8192 + 1
const STDERR = 3
/** Milliseconds between looks at the socket: short while something happens, as nobody types all the time. */
const BUSY_PERIOD = 1
const IDLE_PERIOD = 25
const BUSY_TIME = 1000

/**
 * Terminal or pipe streams through conmon's attach socket in `control`. Node can wait for no such socket, so it is
 * looked at by a timer. While `output` is not read conmon is left to wait, and the process with it.
 */
export function attachSocket(control: string): AttachedStreams {
  const socket = connectSeqpacket(join(control, 'attach'))
  const queue = createOutputQueue()
  const poll = pollSocket(socket, queue)
  queue.onRoom = () => poll.hurry()
  return {
    output: queue,
    async write(chunk) {
      for (let at = 0; at < chunk.length; at += PACKET - 1) {
        const packet = chunk.subarray(at, at + PACKET - 1)
        // a process that does not read its input holds up the writer, for ever if it likes
        while (!poll.ended && !socket.send(packet)) await sleep(5)
        poll.hurry()
      }
    },
    async end() {
      socket.endSending()
    },
    async resize(columns, rows) {
      resizeTerminal(control, columns, rows)
    },
    async [Symbol.asyncDispose]() {
      poll.stop()
      socket.close()
      queue.end()
    },
  }
}

/** conmon's control fifo takes `1 HEIGHT WIDTH`. Does nothing when conmon is gone. */
export function resizeTerminal(control: string, columns: number, rows: number): void {
  if (!Number.isInteger(columns) || !Number.isInteger(rows) || columns < 1 || rows < 1) return
  try {
    const fd = openSync(join(control, 'ctl'), constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      writeSync(fd, `1 ${Math.min(rows, 0xffff)} ${Math.min(columns, 0xffff)}\n`)
    } finally {
      closeSync(fd)
    }
  } catch {
    // no reader: the process ended
  }
}

interface Poll {
  readonly ended: boolean
  /** Something is about to happen: look often. */
  hurry(): void
  stop(): void
}

function pollSocket(socket: ReturnType<typeof connectSeqpacket>, queue: OutputQueue): Poll {
  const packet = Buffer.alloc(PACKET)
  let timer: NodeJS.Timeout | undefined
  let lastActivity = performance.now()
  let ended = false
  const look = (): void => {
    timer = undefined
    let received = 0
    while (!ended && !queue.isFull) {
      const length = socket.receive(packet)
      if (length === undefined) break
      received += length
      if (length === 0) {
        ended = true
        queue.end()
        return
      }
      queue.push({
        stream: packet[0] === STDERR ? 'stderr' : 'stdout',
        chunk: Buffer.from(packet.subarray(1, length)),
      })
    }
    if (received > 0) lastActivity = performance.now()
    // where something was, more comes at once: conmon was waiting for room
    if (received > 0 && !queue.isFull) setImmediate(look)
    else schedule()
  }
  const schedule = (): void => {
    if (ended || timer !== undefined) return
    timer = setTimeout(look, performance.now() - lastActivity < BUSY_TIME ? BUSY_PERIOD : IDLE_PERIOD)
  }
  schedule()
  return {
    get ended() {
      return ended
    },
    hurry() {
      lastActivity = performance.now()
      clearTimeout(timer)
      timer = undefined
      schedule()
    },
    stop() {
      ended = true
      clearTimeout(timer)
    },
  }
}

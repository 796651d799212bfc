import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from '../linux/process-identity.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { attachSocket } from './attach-socket.ts'
import { containerFiles, getRunning } from './container-files.ts'
import type { AttachedStreams, ContainerHandle } from './runtime.ts'

/**
 * Streams through conmon's socket: before `start` from the first byte, later with what is written from now on. A reader
 * that stops reading holds the container's writes up, as a pipe does, until it goes on or is gone; nothing has to fit on
 * a disk. When a client of a container with an open input leaves, that input ends, unless it is a terminal.
 * Errors: CONTAINER_NOT_RUNNING, CONTAINER_UNSUPERVISED.
 */
export async function attachContainer(
  handle: ContainerHandle,
  options: { readonly stdin: boolean },
): Promise<AttachedStreams> {
  const { monitor } = getRunning(handle)
  if (monitor === undefined || !isRunning(monitor)) throw failure('CONTAINER_UNSUPERVISED', { id: handle.id })
  const streams = await whenTaken(() => attachSocket(containerFiles(handle).control))
  return options.stdin ? streams : { ...streams, write: async () => {}, end: async () => {} }
}

/** Milliseconds that a monitor may take until it takes one more client. */
const longest = 10_000

/** A monitor keeps ten who wait to be taken; the kernel refuses all others until it has (EAGAIN of connect(2)). */
async function whenTaken(connect: () => AttachedStreams): Promise<AttachedStreams> {
  for (const limit = performance.now() + longest; ; await sleep(5)) {
    try {
      return connect()
    } catch (error) {
      const isFull = isMilleError(error) && error.details['errno'] === 'EAGAIN'
      if (!isFull || performance.now() > limit) throw error
    }
  }
}

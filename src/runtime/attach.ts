import { isRunning } from '../linux/process-identity.ts'
import { failure } from '../util/errors.ts'
import { attachSocket } from './attach-socket.ts'
import { containerFiles, getRunning } from './container-files.ts'
import type { AttachedStreams, ContainerHandle } from './runtime.ts'

/**
 * Streams through conmon's socket: before `start` from the first byte, later with what is written from now on. A reader
 * that stops reading holds the container's writes up, as a pipe does, until it goes on or is gone; nothing has to fit on
 * a disk. When a client of a container with an open input leaves, that input ends, unless it is a terminal.
 * Errors: CONTAINER_NOT_RUNNING, CONTAINER_UNSUPERVISED.
 */
export function attachContainer(
  handle: ContainerHandle,
  options: { readonly stdin: boolean },
): AttachedStreams {
  const { monitor } = getRunning(handle)
  if (monitor === undefined || !isRunning(monitor)) throw failure('CONTAINER_UNSUPERVISED', { id: handle.id })
  const streams = attachSocket(containerFiles(handle).control)
  return options.stdin ? streams : { ...streams, write: async () => {}, end: async () => {} }
}

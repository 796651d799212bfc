import { statSync } from 'node:fs'
import { attachSocket } from './attach-socket.ts'
import { containerFiles, getRunning, isSettled } from './container-files.ts'
import { readContainerOutput } from './container-log.ts'
import type { AttachedStreams, ContainerHandle } from './runtime.ts'

/**
 * Without a terminal, output is read from the log: complete, exact to the byte, never holding the container up, and
 * cheaper than a socket. Before `start` it begins with the first byte; later with what is written from now on.
 */
export function attachContainer(
  handle: ContainerHandle,
  options: { readonly stdin: boolean; readonly tty: boolean },
): AttachedStreams {
  const files = containerFiles(handle)
  const identity = getRunning(handle)
  if (options.tty) return attachSocket(files.control, { discard: false })

  const stop = new AbortController()
  const from = statSync(identity.logPath, { throwIfNoEntry: false })?.size ?? 0
  const output = readContainerOutput(identity.logPath, from, {
    follow: true,
    isEnded: () => isSettled(files),
    endFolder: files.exits,
    signal: stop.signal,
  })
  const input = options.stdin ? attachSocket(files.control, { discard: true }) : undefined
  return {
    output,
    write: async (chunk) => input?.write(chunk),
    end: async () => input?.end(),
    resize: async () => {},
    async [Symbol.asyncDispose]() {
      stop.abort()
      await input?.[Symbol.asyncDispose]()
    },
  }
}

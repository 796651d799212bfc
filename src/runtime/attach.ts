import { statSync } from 'node:fs'
import { attachSocket, resizeTerminal } from './attach-socket.ts'
import { containerFiles, getRunning, isSettled } from './container-files.ts'
import { readContainerOutput } from './container-log.ts'
import type { AttachedStreams, ContainerHandle } from './runtime.ts'

/**
 * Output is read from the log, with a terminal too: complete, exact to the byte, and a reader that stops reading
 * cannot hold the container up, as it would at conmon's socket. Before `start` it begins with the first byte; later
 * with what is written from now on. The socket carries input only.
 */
export function attachContainer(
  handle: ContainerHandle,
  options: { readonly stdin: boolean },
): AttachedStreams {
  const files = containerFiles(handle)
  const identity = getRunning(handle)
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
    resize: async (columns, rows) => resizeTerminal(files.control, columns, rows),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await input?.[Symbol.asyncDispose]()
    },
  }
}

import { closeSync, constants as fs } from 'node:fs'
import { constants as system } from 'node:os'
import { dirname, basename } from 'node:path'
import { bindLibc, lastErrno } from './libc.ts'
import { currentFolder, openat2, openFlags } from './openat2.ts'
import { check, systemFailure } from './system-failure.ts'

const AF_UNIX = 1
const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const SOCK_NONBLOCK = 0o4000
const MSG_NOSIGNAL = 0x4000
const SHUT_WR = 1

const socketCall = bindLibc<[number, number, number]>('socket', 'int', ['int', 'int', 'int'])
const connectCall = bindLibc<[number, Uint8Array, number]>('connect', 'int', ['int', 'void *', 'uint'])
const sendCall = bindLibc<[number, Uint8Array, number, number]>('send', 'int64_t', [
  'int',
  'void *',
  'uint64_t',
  'int',
])
const receiveCall = bindLibc<[number, Uint8Array, number, number]>('recv', 'int64_t', [
  'int',
  'void *',
  'uint64_t',
  'int',
])
const shutdownCall = bindLibc<[number, number]>('shutdown', 'int', ['int', 'int'])

/** A socket that keeps packets apart (unix(7), SOCK_SEQPACKET), which `node:net` cannot open. Never blocks. */
export interface SeqpacketSocket {
  /** The next packet, cut to the size of `into`; 0 at the end, undefined when none is there now. */
  receive(into: Uint8Array): number | undefined
  /** False when the other side takes nothing now. */
  send(packet: Uint8Array): boolean
  /** Tells the other side that no more packets come. */
  endSending(): void
  close(): void
}

/** Connects to the socket file `path`, however long that is. Errors: PATH_NOT_FOUND, SYSTEM_CALL_FAILED (refused). */
export function connectSeqpacket(path: string): SeqpacketSocket {
  const fd = check(socketCall(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket', path)
  try {
    connect(fd, path)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  let open = true
  return {
    receive(into) {
      if (!open) return 0
      const count = receiveCall(fd, into, into.length, 0)
      // said once, and before what still lies here to be read: the other side closed with something of ours unread
      const isReset = count < 0 && lastErrno() === system.errno.ECONNRESET
      return result(isReset ? receiveCall(fd, into, into.length, 0) : count, 'recv', path)
    },
    send: (packet) =>
      open && result(sendCall(fd, packet, packet.length, MSG_NOSIGNAL), 'send', path) !== undefined,
    endSending() {
      if (open) shutdownCall(fd, SHUT_WR)
    },
    close() {
      if (open) closeSync(fd)
      open = false
    },
  }
}

/** An address holds 107 bytes: a long path goes through a handle of its folder. */
function connect(fd: number, path: string): void {
  const folder = openat2(currentFolder, dirname(path), openFlags.path | fs.O_DIRECTORY, 0)
  try {
    const name = Buffer.from(`/proc/self/fd/${folder}/${basename(path)}`)
    const address = Buffer.alloc(2 + name.length + 1)
    address.writeUInt16LE(AF_UNIX, 0)
    name.copy(address, 2)
    check(connectCall(fd, address, address.length), 'connect', path)
  } finally {
    closeSync(folder)
  }
}

function result(count: number, call: string, path: string): number | undefined {
  if (count >= 0) return count
  const errno = lastErrno()
  if (errno === system.errno.EAGAIN || errno === system.errno.EINTR) return undefined
  // the other side is gone: an end like any other
  if (errno === system.errno.ECONNRESET || errno === system.errno.EPIPE) return 0
  throw systemFailure(call, errno, path)
}

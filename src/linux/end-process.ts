import { bindLibc } from './libc.ts'

const exitCall = bindLibc<[number]>('_exit', 'int', ['int'])

/**
 * Ends this process as the kernel does, without what libraries do at their end: V8 and libuv wait for their threads and give
 * back memory by the piece, koffi syncs standard output when it is a file. Listeners of `exit` are called as ever. Only for a
 * process whose standard streams Node never opened: it would not put them back into their former modes. Source: _exit(2).
 */
export function endProcess(code: number): void {
  process.emit('exit', code)
  exitCall(code)
}

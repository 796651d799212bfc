import { bindLibc } from './libc.ts'
import { check } from './system-failure.ts'

const syncfsCall = bindLibc<[number]>('syncfs', 'int', ['int'])

/** Makes everything written so far to the file system behind `descriptor` durable. `path` is for the error only. */
export function syncFileSystem(descriptor: number, path: string): void {
  check(syncfsCall(descriptor), 'syncfs', path)
}

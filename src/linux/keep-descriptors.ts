import { readdirSync } from 'node:fs'
import { bindLibc } from './libc.ts'

const fcntlCall = bindLibc<[number, number, number]>('fcntl', 'int', ['int', 'int', 'int'])
const setDescriptorFlags = 2
const closeOnExec = 1

/**
 * No program that this process starts from now on gets any of the descriptors that are open but the standard streams, be they
 * from whoever started this process (CVE-2024-21626).
 */
export function keepDescriptors(): void {
  for (const name of readdirSync('/proc/self/fd'))
    // one of them was that of the folder, and is closed by now
    if (Number(name) > 2) fcntlCall(Number(name), setDescriptorFlags, closeOnExec)
}

import assert from 'node:assert/strict'

/** SIGKILL for one process of the machine. A number that was not found (0) would end the group of the test itself. */
export function killProcess(pid: number): void {
  assert.ok(Number.isSafeInteger(pid) && pid > 1, `${pid} is no process to kill`)
  process.kill(pid, 'SIGKILL')
}

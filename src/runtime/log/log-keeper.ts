import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { tryFlock } from '../../linux/flock.ts'
import { spawnDetached } from '../../linux/spawn-detached.ts'
import type { LogFolders } from '../runtime.ts'

/**
 * Once a second every log over its limit loses its oldest part: a hole is punched, so that neither the monitor, which
 * goes on writing at the end, nor a reader, which goes on at its place, notices. One for all containers of a store; it ends
 * ten seconds after the last monitor.
 */
const script = `
idle=0
while [ "$idle" -lt 10 ]; do
  sleep 1
  idle=$((idle + 1))
  set -- "$1" "$2"
  for limit in "$2"/*/log-limit; do
    folder=\${limit%/log-limit}
    pid=
    read -r pid 2>/dev/null <"$folder/conmon.pid"
    [ -n "$pid" ] && [ -d "/proc/$pid" ] && idle=0
    set -- "$@" "$1/\${folder##*/}/container.log"
  done
  logs=$1 runs=$2
  shift 2
  stat -c '%b %s %n' "$@" 2>/dev/null | while read -r blocks size log; do
    id=\${log%/*}
    read -r limit 2>/dev/null <"$runs/\${id##*/}/log-limit" || continue
    [ "$((blocks * 512))" -le "$((limit + limit / 10 + 8192))" ] || fallocate --punch-hole --length "$((size - limit))" "$log" 2>/dev/null
  done
  set -- "$logs" "$runs"
done`

/** Starts it unless it is there: it holds a lock. */
export function startLogKeeper({ logs, runs }: LogFolders): void {
  const path = join(runs, 'log-keeper')
  const lock = openSync(path, 'a', 0o600)
  const nothing = openSync('/dev/null', 'r+')
  try {
    // it keeps the descriptor, and the lock with it
    if (!tryFlock(lock, 'exclusive', path)) return
    spawnDetached({
      path: '/bin/sh',
      args: ['-c', script, 'keep-logs', logs, runs],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      folder: '/',
      descriptors: [lock, nothing, nothing],
    })
  } finally {
    closeSync(lock)
    closeSync(nothing)
  }
}

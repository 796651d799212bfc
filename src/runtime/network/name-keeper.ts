import { closeSync, openSync } from 'node:fs'
import { tryFlock } from '../../linux/flock.ts'
import { spawnDetached } from '../../linux/spawn-detached.ts'

/** Paths. */
export interface KeptServer {
  /** Of the lists of names; there is a server as long as there are lists. */
  readonly folder: string
  readonly program: string
  /** Locked by whoever changes bridges and their names. */
  readonly bridgesLock: string
  /** Locked by the server for as long as it lives. */
  readonly lifeLock: string
}

/**
 * Waits for the server's lock, which the kernel frees at its end, and starts it again while there are names to answer. With
 * the bridges' lock it never does so beside a mille that does. About 1 MB, and no work while the server lives.
 */
const script = `
bridges=$1 life=$2 program=$3 folder=$4
while flock "$life" true </dev/null; do
  exec 4>>"$bridges"
  flock 4
  names=
  for list in "$folder"/*; do
    [ ! -e "$list" ] || [ "\${list##*/}" = aardvark.pid ] || names=there
  done
  [ -n "$names" ] || exit 0
  exec 5>>"$life"
  flock -n 5 && "$program" --config "$folder" --port 53 run </dev/null 4>&-
  exec 5>&- 4>&-
  sleep 1
done`

/** Starts it unless it is there: it holds a lock, which is free again before that of the bridges when it ends. */
export function startNameKeeper({ folder, program, bridgesLock, lifeLock }: KeptServer): void {
  const path = `${folder}-keeper`
  const lock = openSync(path, 'a', 0o600)
  const nothing = openSync('/dev/null', 'r+')
  try {
    if (!tryFlock(lock, 'exclusive', path)) return
    spawnDetached({
      path: '/bin/sh',
      args: ['-c', script, 'keep-names', bridgesLock, lifeLock, program, folder],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      folder: '/',
      descriptors: [lock, nothing, nothing],
    })
  } finally {
    closeSync(lock)
    closeSync(nothing)
  }
}

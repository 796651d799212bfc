import { closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { tryFlock } from '../../linux/flock.ts'
import type { EngineEvent, EventLog } from '../event-log.ts'
import { readEvents } from './read-events.ts'

/** Bytes after which the file is put aside and a new one begun; the one put aside before goes. */
const fileLimit = 2 * 1024 * 1024

interface EventFiles {
  readonly folder: string
  readonly current: string
  readonly previous: string
}

/**
 * One event a line, in a file that every process appends to. Not in the database: there each event would be a
 * transaction, many times the cost. The kernel keeps appended lines whole among writers.
 */
export function openEventLog(root: string): EventLog {
  const folder = join(root, 'events')
  const files = { folder, current: join(folder, 'events.jsonl'), previous: join(folder, 'events.1.jsonl') }
  let last = 0n
  // strictly growing in one process, so that a reader who goes on after the last one's time misses none
  const now = (): bigint => {
    const time = BigInt(Date.now()) * 1_000_000n
    return (last = time > last ? time : last + 1n)
  }
  return {
    append: (event) => append(files, { ...event, time: now() }),
    read: (span) => readEvents(files, span),
  }
}

function append(files: EventFiles, event: EngineEvent): void {
  try {
    writeLine(files, event)
  } catch (error) {
    // a full or read-only disk is no reason to fail for what this event is about
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
  }
}

function writeLine(files: EventFiles, event: EngineEvent): void {
  const file = openToAppend(files)
  try {
    // the line feed in front ends what a full disk may have cut off
    writeSync(file, `\n${JSON.stringify({ ...event, time: String(event.time) })}\n`)
    if (fstatSync(file).size > fileLimit) rotate(files)
  } finally {
    closeSync(file)
  }
}

function openToAppend({ folder, current }: EventFiles): number {
  try {
    return openSync(current, 'a', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return openSync(current, 'a', 0o600)
  }
}

/** Whoever finds another process at it leaves it to that one. */
function rotate({ folder, current, previous }: EventFiles): void {
  const path = join(folder, 'rotating')
  const lock = openSync(path, 'a', 0o600)
  try {
    if (!tryFlock(lock, 'exclusive', path)) return
    // another process may have done it between the look and the lock
    if (statSync(current).size > fileLimit) renameSync(current, previous)
  } finally {
    closeSync(lock)
  }
}

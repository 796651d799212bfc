import type { ProcessIdentity } from '../../linux/process-identity.ts'
import { currentProcess, isRunning } from '../../linux/process-identity.ts'
import type { Lease, LeaseOptions, Resource, VolatileResource } from '../store.ts'
import type { Database } from './database.ts'
import type { VolatileLedger } from './volatile.ts'
import { randomHex } from '../../util/random.ts'

/** The name under which a resource is kept. */
export function resourceName(resource: Resource): string {
  if (resource.kind === 'blob') return resource.digest
  return resource.kind === 'chain' ? resource.chain : resource.id
}

const holdImage =
  'INSERT OR IGNORE INTO lease_holds (lease, kind, name) SELECT ?, kind, name FROM image_refs WHERE image = ?'
const holdResource = 'INSERT OR IGNORE INTO lease_holds (lease, kind, name) VALUES (?, ?, ?)'

/** A lease is a row that says which process holds it: it ends with that process, however that ends. */
export function openLease(
  database: Database,
  ledger: VolatileLedger,
  purpose: string,
  { deferred = false }: LeaseOptions = {},
): Lease {
  const id = randomHex(16)
  const { pid, started, boot } = currentProcess()
  database.run(
    'INSERT INTO leases (id, purpose, pid, started, boot) VALUES (?, ?, ?, ?, ?)',
    id,
    purpose,
    pid,
    started,
    boot,
  )
  return {
    id,
    deferred,
    hold(...resources: readonly Resource[]): void {
      database.transaction(() => {
        for (const resource of resources) {
          const name = resourceName(resource)
          // what the image is made of stays, even when its record is removed meanwhile
          if (resource.kind === 'image') database.run(holdImage, id, name)
          database.run(holdResource, id, resource.kind, name)
        }
      })
    },
    defer(resource: VolatileResource): boolean {
      if (deferred) ledger.add(resource)
      return deferred
    },
    [Symbol.asyncDispose](): Promise<void> {
      database.transaction(() => database.run('DELETE FROM leases WHERE id = ?', id), { frees: true })
      return Promise.resolve()
    },
  }
}

/** Ends the leases of processes that are gone. */
export function endDeadLeases(database: Database): void {
  for (const { id, isLive } of leases(database))
    if (!isLive) database.run('DELETE FROM leases WHERE id = ?', id)
}

/** Names of what the leases of living processes hold. */
export function heldNames(database: Database): ReadonlySet<string> {
  const live = [...leases(database)].filter(({ isLive }) => isLive)
  const sql = 'SELECT name FROM lease_holds WHERE lease = ?'
  return new Set(live.flatMap(({ id }) => database.all(sql, id).map((row) => String(row['name']))))
}

function* leases(database: Database): Iterable<{ readonly id: string; readonly isLive: boolean }> {
  for (const row of database.all('SELECT id, pid, started, boot FROM leases')) {
    const holder: ProcessIdentity = {
      pid: Number(row['pid']),
      started: String(row['started']),
      boot: String(row['boot']),
    }
    yield { id: String(row['id']), isLive: isRunning(holder) }
  }
}

import type { ChainId } from '../../oci/digest.ts'
import type { Database } from '../metadata/database.ts'
import { downloadsSql } from '../metadata/ingest-ledger.ts'
import { resourceName } from '../metadata/leases.ts'
import type { Resource } from '../store.ts'
import type { ChainInfo } from '../snapshotter.ts'

/** What must stay. */
export interface Reachable {
  readonly blobs: ReadonlySet<string>
  readonly chains: ReadonlySet<string>
}

/** Snapshots stand on chains. */
export interface Standing {
  readonly chains: readonly ChainInfo[]
  /** The chains that snapshots stand on. */
  readonly parents: readonly ChainId[]
}

/**
 * Marks from images, cache records, records, leases and snapshots. Everything an image names is in the database
 * (`image_refs`), so no document is read here and the mark is short enough for a transaction. Without `downloads` what was
 * fetched for an image that is not there yet is left out.
 */
export function findReachable(
  database: Database,
  { chains, parents }: Standing,
  { downloads = true }: { readonly downloads?: boolean } = {},
): Reachable {
  const blobs = new Set<string>()
  const kept = new Set<string>()
  const roots: string[] = [...parents]
  for (const { kind, name } of refs(database)) {
    if (kind === 'chain') roots.push(name)
    else blobs.add(name)
  }
  if (downloads) for (const row of database.all(downloadsSql)) blobs.add(String(row['name']))
  const known = new Map(chains.map((info) => [info.chain as string, info]))
  for (const root of roots) {
    for (
      let next: string | undefined = root;
      next !== undefined && !kept.has(next);
      next = known.get(next)?.parent
    ) {
      kept.add(next)
      const layer = known.get(next)?.diffId
      if (layer !== undefined) blobs.add(layer)
    }
  }
  return { blobs, chains: kept }
}

function* refs(database: Database): Iterable<{ readonly kind: string; readonly name: string }> {
  for (const row of database.all('SELECT DISTINCT kind, name FROM image_refs'))
    yield ref(row['kind'], row['name'])
  for (const row of database.all('SELECT chain, diff_ids FROM cache')) {
    if (row['chain'] !== null) yield ref('chain', row['chain'])
    if (row['diff_ids'] !== null)
      for (const id of JSON.parse(String(row['diff_ids'])) as string[]) yield ref('blob', id)
  }
  // an image that is held needs nothing here: its own record is a root, a lease copied what it names when it took hold
  for (const row of database.all('SELECT holds FROM records')) {
    for (const hold of JSON.parse(String(row['holds'])) as Resource[])
      yield ref(hold.kind, resourceName(hold))
  }
  for (const row of database.all('SELECT kind, name FROM lease_holds')) yield ref(row['kind'], row['name'])
}

function ref(kind: unknown, name: unknown): { readonly kind: string; readonly name: string } {
  return { kind: String(kind), name: String(name) }
}

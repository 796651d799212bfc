import type { ChainId } from '../../oci/digest.ts'
import type { PrivateMounts } from './private-mounts.ts'
import { parentOf, type SnapshotFolders } from './snapshot-folders.ts'

/** What `list` of a snapshotter tells of one snapshot. */
export interface ListedSnapshot {
  readonly key: string
  readonly parent?: ChainId
}

/**
 * Snapshots that this store's present kind cannot use: copies where it mounts, mounts where it copies. They are only listed
 * and removed, or what a killed build left in them, secrets too, would stay for as long as the kind does.
 */
export class OtherSnapshots {
  readonly #folders: SnapshotFolders
  readonly #mounts: PrivateMounts

  constructor(folders: SnapshotFolders, mounts: PrivateMounts) {
    this.#folders = folders
    this.#mounts = mounts
  }

  list(): ListedSnapshot[] {
    return listSnapshots(this.#folders)
  }

  /** SNAPSHOT_NOT_FOUND. */
  remove(key: string): void {
    this.#folders.get(key)
    // a copy has no mount, and nothing is done
    this.#mounts.removeTarget(this.#mounts.path('active', key))
    this.#folders.remove(key)
  }
}

export function listSnapshots(folders: SnapshotFolders): ListedSnapshot[] {
  return folders.list().map(({ key, record }) => ({ key, ...parentOf(record) }))
}

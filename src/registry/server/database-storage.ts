import type { Digest } from '../../oci/digest.ts'
import type { RegistryDatabase } from './registry-database.ts'
import type { NewManifest, Page, Referrers, ReferrersPage, StoredManifest } from './storage.ts'

/** The part of a storage that is the same wherever blobs lie: manifests, tags and names are rows of the database. */
export abstract class DatabaseStorage {
  protected readonly database: RegistryDatabase

  constructor(database: RegistryDatabase) {
    this.database = database
  }

  async findManifest(repository: string, tagOrDigest: string): Promise<StoredManifest | undefined> {
    return this.database.findManifest(repository, tagOrDigest)
  }

  async putManifest(repository: string, manifest: NewManifest): Promise<void> {
    this.database.putManifest(repository, manifest)
  }

  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    return this.database.deleteManifest(repository, digest)
  }

  async deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.database.deleteTag(repository, tag)
  }

  async listTags(repository: string, page: Page): Promise<readonly string[] | undefined> {
    return this.database.listTags(repository, page)
  }

  async listRepositories(page: Page): Promise<readonly string[]> {
    return this.database.listRepositories(page)
  }

  async listReferrers(repository: string, subject: Digest, page: ReferrersPage): Promise<Referrers> {
    return this.database.listReferrers(repository, subject, page)
  }
}

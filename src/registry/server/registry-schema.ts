import type { DatabaseSync } from 'node:sqlite'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { failure } from '../../util/errors.ts'
import { manifestFacts } from './manifest-facts.ts'
import type { ManifestFacts } from './manifest-facts.ts'

/** Each makes the format after the one before it; the first makes format 1 of nothing. */
const steps: readonly string[] = [
  `
  CREATE TABLE repositories (name TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE links (repository TEXT, digest TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
  CREATE INDEX links_by_digest ON links (digest);
  CREATE TABLE manifests (repository TEXT, digest TEXT, media_type TEXT NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (repository, digest));
  CREATE TABLE tags (repository TEXT, tag TEXT, digest TEXT NOT NULL, PRIMARY KEY (repository, tag)) WITHOUT ROWID;
  CREATE INDEX tags_by_digest ON tags (repository, digest);`,
  // times are ms since 1970; of what was there before they are not known
  `
  ALTER TABLE links ADD COLUMN pushed INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE manifests ADD COLUMN pushed INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE manifests ADD COLUMN pulled INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE tags ADD COLUMN pushed INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE tags ADD COLUMN pulled INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE parts (repository TEXT, manifest TEXT, digest TEXT, PRIMARY KEY (repository, manifest, digest))
    WITHOUT ROWID;
  CREATE INDEX parts_by_digest ON parts (repository, digest);
  CREATE TABLE referrers (repository TEXT, subject TEXT, digest TEXT, artifact_type TEXT, descriptor TEXT NOT NULL,
    PRIMARY KEY (repository, subject, digest)) WITHOUT ROWID;
  CREATE INDEX referrers_by_digest ON referrers (repository, digest);`,
]

/** Inside a transaction. Throws STORE_DAMAGED (naming `root`) for a format that this mille does not know. */
export function upgradeSchema(
  sqlite: DatabaseSync,
  root: string,
  note: (repository: string, digest: string, facts: ManifestFacts) => void,
): void {
  const found = Number(sqlite.prepare('PRAGMA user_version').get()?.['user_version'])
  if (!(found <= steps.length)) {
    throw failure('STORE_DAMAGED', { root, reason: `registry format ${found} is unknown` })
  }
  if (found === steps.length) return
  for (const step of steps.slice(found)) sqlite.exec(step)
  sqlite.exec(`PRAGMA user_version = ${steps.length}`)
  if (found === 1) noteManifests(sqlite, note)
}

/** What format 2 keeps of each manifest. */
function noteManifests(sqlite: DatabaseSync, note: Parameters<typeof upgradeSchema>[2]): void {
  const rows = sqlite.prepare('SELECT repository, digest, media_type, bytes FROM manifests').all()
  for (const { repository, digest, media_type: mediaType, bytes } of rows) {
    const document = parseManifestDocument(bytes as Uint8Array, String(mediaType))
    note(String(repository), String(digest), manifestFacts(document))
  }
}

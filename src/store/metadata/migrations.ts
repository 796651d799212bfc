/**
 * Migration n brings a database of format n to n + 1; all that are missing run in one transaction. A released one is
 * never edited. Going back to an older mille is refused (STORE_TOO_NEW), never tried.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE images (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    manifest TEXT NOT NULL,      -- descriptor, JSON
    config TEXT NOT NULL,        -- the config blob's text
    parent TEXT,
    added_at INTEGER NOT NULL,   -- milliseconds since the epoch
    size INTEGER NOT NULL        -- bytes of the uncompressed tars
  ) STRICT;

  CREATE TABLE names (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX names_image ON names (image);

  CREATE TABLE repo_digests (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX repo_digests_image ON repo_digests (image);

  -- What an image keeps alive; source is the document that names it: config, manifest, or a repo digest's name.
  CREATE TABLE image_refs (
    image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,          -- blob or chain
    name TEXT NOT NULL,
    PRIMARY KEY (image, source, kind, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE cache (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    lineage TEXT NOT NULL,
    ingredients TEXT NOT NULL,
    description TEXT NOT NULL,
    chain TEXT,
    diff_ids TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    size INTEGER NOT NULL,
    volatile INTEGER NOT NULL    -- 1: what it names may not be durable yet
  ) STRICT;
  CREATE INDEX cache_lineage ON cache (lineage, sequence);

  CREATE TABLE records (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    holds TEXT NOT NULL,
    UNIQUE (kind, id),
    UNIQUE (kind, name)
  ) STRICT;

  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    boot TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lease_holds (
    lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (lease, kind, name)
  ) STRICT, WITHOUT ROWID;

  -- Published, but not yet known to survive a power cut. Emptied by the next image commit.
  CREATE TABLE volatile (
    kind TEXT NOT NULL,          -- blob or chain
    name TEXT NOT NULL,
    PRIMARY KEY (kind, name)
  ) STRICT, WITHOUT ROWID;

  -- Unfinished downloads. Idle time counts while the machine is up, by the kernel's clock, not by the wall's.
  CREATE TABLE ingests (
    name TEXT PRIMARY KEY,
    written TEXT NOT NULL,       -- boot in which bytes were last written
    durable INTEGER NOT NULL,    -- bytes
    counted TEXT NOT NULL,       -- boot of the clock in seen
    seen REAL NOT NULL,          -- seconds since that boot
    idle REAL NOT NULL           -- seconds
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- How an image was last built here: goes with it.
  CREATE TABLE build_reports (
    image TEXT PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    scope TEXT NOT NULL,         -- names the Dockerfile
    report TEXT NOT NULL         -- the builder's own, JSON
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_reports_scope ON build_reports (scope);
  `,
]

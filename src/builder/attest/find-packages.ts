import { closeSync, constants, copyFileSync, fstatSync, mkdtempSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { openFolder, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes } from '../../linux/statx.ts'
import { walkTree } from '../../linux/walk-tree.ts'
import { timeSlice } from '../../util/time-slice.ts'
import { readApk } from './packages/apk.ts'
import { readDpkg } from './packages/dpkg.ts'
import { isNpmManifest, readNpm } from './packages/npm.ts'
import { type Distribution, packageUrl, parseDistribution, type Package } from './packages/package.ts'
import { isPipMetadata, readPip } from './packages/pip.ts'
import { readRpmHeader } from './packages/rpm.ts'

/** Largest file that is read for packages: dpkg's status of a large image has 10 MB. */
const maxFile = 256 * 1024 * 1024
const maxManifest = 4 * 1024 * 1024

const rpmDatabases = ['var/lib/rpm/rpmdb.sqlite', 'usr/lib/sysimage/rpm/rpmdb.sqlite']
/** Of older systems: what is in them is not read. */
const oldRpmDatabases = [
  'var/lib/rpm/Packages',
  'var/lib/rpm/Packages.db',
  'usr/lib/sysimage/rpm/Packages.db',
]

export interface FoundPackages {
  /** Sorted by Package URL, each once. */
  readonly packages: readonly Package[]
  readonly distribution?: Distribution
  /** What could not be read, for a warning. */
  readonly unread: readonly string[]
}

/**
 * What is installed below `root`, as the package managers' own databases say. The files are the image's: they are opened
 * below the root through no link, bounded in size, and believed in nothing but names.
 */
export async function findPackages(root: string, signal?: AbortSignal): Promise<FoundPackages> {
  const folder = openFolder(root)
  try {
    const release = readText(folder, 'etc/os-release') ?? readText(folder, 'usr/lib/os-release')
    const distribution = release === undefined ? undefined : parseDistribution(release)
    const packages: Package[] = []
    const unread: string[] = []
    const dpkg = readText(folder, 'var/lib/dpkg/status')
    if (dpkg !== undefined) packages.push(...readDpkg(dpkg, 'var/lib/dpkg/status', distribution))
    for (const path of ['lib/apk/db/installed', 'usr/lib/apk/db/installed']) {
      const apk = readText(folder, path)
      if (apk !== undefined) packages.push(...readApk(apk, path, distribution))
    }
    for (const path of rpmDatabases) packages.push(...(await readRpm(folder, path, distribution, unread)))
    unread.push(...oldRpmDatabases.filter((path) => exists(folder, path)))
    packages.push(...(await walkPackages(folder, distribution, signal)))
    const unique = new Map(packages.map((one) => [packageUrl(one), one]))
    const sorted = [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
    return { packages: sorted, unread, ...(distribution !== undefined && { distribution }) }
  } finally {
    closeSync(folder)
  }
}

/** What may lie anywhere: npm's and pip's packages, and the pieces of dpkg's status that images without dpkg have. */
async function walkPackages(
  folder: number,
  distribution: Distribution | undefined,
  signal: AbortSignal | undefined,
): Promise<Package[]> {
  const packages: Package[] = []
  const slice = timeSlice(signal)
  for (const { path, folder: parent, name, status } of walkTree(folder)) {
    await slice.pause()
    if ((status.mode & fileTypes.mask) !== fileTypes.file || status.size > maxManifest) continue
    const isDpkg = path.startsWith('var/lib/dpkg/status.d/') && !name.endsWith('.md5sums')
    if (!isDpkg && !isNpmManifest(path) && !isPipMetadata(path)) continue
    const text = readText(parent, name) ?? ''
    if (isDpkg) packages.push(...readDpkg(text, path, distribution))
    const one = isDpkg ? undefined : isNpmManifest(path) ? readNpm(text, path) : readPip(text, path)
    if (one !== undefined) packages.push(one)
  }
  return packages
}

/** The database is copied out: SQLite writes beside what it reads. One that is damaged is told, not fatal. */
async function readRpm(
  folder: number,
  path: string,
  distribution: Distribution | undefined,
  unread: string[],
): Promise<Package[]> {
  const file = tryOpen(folder, path)
  if (file === undefined) return []
  const temporary = mkdtempSync(join(tmpdir(), 'mille-rpm-'))
  try {
    if (fstatSync(file).size > maxFile) throw new Error('too large')
    const copy = join(temporary, basename(path))
    copyFileSync(`/proc/self/fd/${file}`, copy)
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(copy, { readOnly: true })
    try {
      return database
        .prepare('SELECT blob FROM Packages')
        .all()
        .flatMap(({ blob }) =>
          blob instanceof Uint8Array ? (readRpmHeader(blob, path, distribution) ?? []) : [],
        )
    } finally {
      database.close()
    }
  } catch {
    unread.push(path)
    return []
  } finally {
    closeSync(file)
    rmSync(temporary, { recursive: true, force: true })
  }
}

const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
const inside = resolveFlags.beneath | resolveFlags.noSymlinks

function tryOpen(folder: number, path: string): number | undefined {
  const file = tryOpenat2(folder, path, readFlags, inside)
  if (file < 0) return undefined
  if (fstatSync(file).isFile()) return file
  closeSync(file)
  return undefined
}

function exists(folder: number, path: string): boolean {
  const file = tryOpen(folder, path)
  if (file !== undefined) closeSync(file)
  return file !== undefined
}

function readText(folder: number, path: string): string | undefined {
  const file = tryOpen(folder, path)
  if (file === undefined) return undefined
  try {
    const { size } = fstatSync(file)
    if (size > maxFile) return undefined
    const bytes = Buffer.allocUnsafe(size)
    let length = 0
    while (length < size) {
      const count = readSync(file, bytes, length, size - length, length)
      if (count === 0) break
      length += count
    }
    return bytes.toString('utf8', 0, length)
  } finally {
    closeSync(file)
  }
}

import { readFile } from 'node:fs/promises'
import type { LayerEntry, LayerInfo, LayerOptions, Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import { runProgram } from '../../util/run-program.ts'

const candidates = ['/bin/busybox', '/usr/bin/busybox']
const folders = [
  'bin',
  'dev',
  'etc',
  'home',
  'proc',
  'root',
  'sbin',
  'sys',
  'usr',
  'usr/bin',
  'usr/sbin',
  'var',
  'var/spool',
]

/** A root folder around the static busybox of this machine: the program, a link per applet, users and groups. */
export async function busyboxLayer(store: Store, options: LayerOptions): Promise<LayerInfo> {
  const { path, bytes } = await findBusybox()
  const applets = (await runProgram(path, ['--list'], { signal: options.signal })).stdout
    .toString()
    .trim()
    .split('\n')
  const entries: LayerEntry[] = [
    ...folders.map((folder) => directory(folder, folder === 'root' ? 0o700 : 0o755)),
    directory('tmp', 0o1777),
    directory('var/tmp', 0o1777),
    file('bin/busybox', bytes, 0o755),
    ...applets.filter((applet) => applet !== 'busybox').map((applet) => symlink(`bin/${applet}`, 'busybox')),
    file('etc/passwd', passwd, 0o644),
    file('etc/group', group, 0o644),
    file('etc/shadow', shadow, 0o600),
    file('etc/nsswitch.conf', 'hosts: files dns\n', 0o644),
  ]
  return store.layers.write(entries, options)
}

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`
const group = `root:x:0:
daemon:x:1:
www-data:x:33:
nogroup:x:65534:
`
const shadow = `root:*:::::::
daemon:*:::::::
www-data:*:::::::
nobody:*:::::::
`

async function findBusybox(): Promise<{ path: string; bytes: Buffer }> {
  for (const path of candidates) {
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes && isStaticElf(bytes)) return { path, bytes }
  }
  throw failure('PROGRAM_MISSING', { program: 'busybox', package: 'busybox-static' })
}

/** A dynamically linked busybox would not run in an image without libc. Source: elf(5), PT_INTERP is 3. */
function isStaticElf(bytes: Buffer): boolean {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2) return false
  const table = Number(bytes.readBigUInt64LE(32))
  const [size, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
  if (table + size * count > bytes.length) return false
  return Array.from({ length: count }, (_, i) => bytes.readUInt32LE(table + i * size)).every(
    (type) => type !== 3,
  )
}

const owned = { uid: 0, gid: 0, mtime: 0n } as const

function directory(path: string, mode: number): LayerEntry {
  return { ...owned, path, type: 'directory', mode }
}

function file(path: string, content: string | Uint8Array, mode: number): LayerEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return { ...owned, path, type: 'file', mode, size: bytes.length, body: { kind: 'bytes', bytes } }
}

function symlink(path: string, linkTarget: string): LayerEntry {
  return { ...owned, path, type: 'symlink', mode: 0o777, linkTarget }
}

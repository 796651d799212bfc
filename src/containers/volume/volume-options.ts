import { mountFlags } from '../../linux/mount.ts'
import { failure } from '../../util/errors.ts'

type Options = Readonly<Record<string, string>>

/** Options of the local driver: what mount(8) would be given. VOLUME_INVALID in Docker's words. */
export function checkVolumeOptions(name: string, options: Options): void {
  const refuse = (reason: string): never => {
    throw failure('VOLUME_INVALID', { name, reason })
  }
  const unknown = Object.keys(options).find((option) => !['type', 'o', 'device', 'size'].includes(option))
  if (unknown !== undefined) refuse(`invalid option: ${JSON.stringify(unknown)}`)
  if (options['size'] !== undefined) refuse('quota size requested but no quota support')
  if (Object.keys(options).length === 0) return
  for (const option of ['device', 'type']) {
    if (options[option] === undefined) refuse(`missing required option: ${JSON.stringify(option)}`)
  }
}

const recursive = mountFlags.recursive

/** Words of mount(8) as flags of mount(2): what each sets, and what it takes back. */
const words: Readonly<Record<string, { readonly set?: number; readonly clear?: number }>> = {
  defaults: {},
  ro: { set: mountFlags.readOnly },
  rw: { clear: mountFlags.readOnly },
  nosuid: { set: mountFlags.noSuid },
  suid: { clear: mountFlags.noSuid },
  nodev: { set: mountFlags.noDev },
  dev: { clear: mountFlags.noDev },
  noexec: { set: mountFlags.noExec },
  exec: { clear: mountFlags.noExec },
  sync: { set: 0x10 },
  async: { clear: 0x10 },
  dirsync: { set: 0x80 },
  noatime: { set: 0x400 },
  atime: { clear: 0x400 },
  nodiratime: { set: 0x800 },
  diratime: { clear: 0x800 },
  relatime: { set: 0x200000 },
  norelatime: { clear: 0x200000 },
  strictatime: { set: 0x1000000 },
  nostrictatime: { clear: 0x1000000 },
  bind: { set: mountFlags.bind },
  rbind: { set: mountFlags.bind | recursive },
}

const propagations: Readonly<Record<string, number>> = {
  private: mountFlags.private,
  rprivate: mountFlags.private | recursive,
  slave: mountFlags.slave,
  rslave: mountFlags.slave | recursive,
  shared: 0x100000,
  rshared: 0x100000 | recursive,
  unbindable: 0x20000,
  runbindable: 0x20000 | recursive,
}

export interface MountWords {
  readonly flags: number
  /** Made by a call of its own after the mount; 0 for none. */
  readonly propagation: number
  /** For the file system itself: `size=1m`. */
  readonly data: string
}

/** The option `o`: `ro,size=1m`. */
export function parseMountWords(text: string): MountWords {
  let [flags, propagation] = [0, 0]
  const data: string[] = []
  for (const word of text.split(',').filter(Boolean)) {
    const { [word]: known } = words
    if (known !== undefined) flags = (flags | (known.set ?? 0)) & ~(known.clear ?? 0)
    else if (Object.hasOwn(propagations, word)) propagation |= propagations[word] ?? 0
    else data.push(word)
  }
  return { flags, propagation, data: data.join(',') }
}

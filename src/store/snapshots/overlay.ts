import { closeSync, constants } from 'node:fs'
import { mountAttributes, mountFileSystem, type MountOption } from '../../linux/mount-file-system.ts'
import { inUserNamespace } from '../../linux/user-namespace.ts'
import { openat2, currentFolder, openFlags } from '../../linux/openat2.ts'

export interface OverlayMount {
  /** Top first; at least one, at least two without `upper`. */
  readonly lower: readonly string[]
  /** `volatile`: nothing is synced. */
  readonly upper?: { readonly folder: string; readonly work: string; readonly volatile?: boolean }
  readonly target: string
}

/** fsconfig(2) takes values of at most 255 bytes. */
const longestValue = 255

const privilegedOptions: readonly MountOption[] = [
  { key: 'redirect_dir', value: 'off' },
  { key: 'metacopy', value: 'off' },
]

/** The attribute of a folder that hides what the layers below have; in a user namespace only `user.` ones can be set. */
export function opaqueXattr(): string {
  return `${inUserNamespace() ? 'user' : 'trusted'}.overlay.opaque`
}

/**
 * Mounts an overlay. No redirects and no metadata-only copies: an upper folder must hold everything a layer needs.
 * No index: an upper folder stands on other lower ones after a commit. `xino` keeps inode numbers over copy-up.
 */
export function mountOverlay({ lower, upper, target }: OverlayMount): void {
  const opened: number[] = []
  const short = (path: string): string => {
    if (Buffer.byteLength(path) <= longestValue) return path
    opened.push(openat2(currentFolder, path, openFlags.path | constants.O_DIRECTORY, 0))
    return `/proc/self/fd/${String(opened.at(-1))}`
  }
  try {
    const options: MountOption[] = [
      { key: 'source', value: 'mille' },
      ...lower.map((path) => ({ key: 'lowerdir+', value: short(path) })),
      // with `userxattr` there are neither redirects nor metadata-only copies, and naming them is an error
      ...(inUserNamespace() ? [{ key: 'userxattr' }] : privilegedOptions),
      { key: 'index', value: 'off' },
      { key: 'xino', value: 'on' },
    ]
    if (upper !== undefined)
      options.push(
        { key: 'upperdir', value: short(upper.folder) },
        { key: 'workdir', value: short(upper.work) },
      )
    // without it the end of each mount syncs the whole file system that the upper folder is on
    if (upper?.volatile === true) options.push({ key: 'volatile' })
    mountFileSystem({
      type: 'overlay',
      target,
      options,
      attributes: upper === undefined ? mountAttributes.readOnly : 0,
    })
  } finally {
    for (const descriptor of opened) closeSync(descriptor)
  }
}

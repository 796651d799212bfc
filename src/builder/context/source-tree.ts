import type { Digest } from '../../oci/digest.ts'
import { fileTypes } from '../../linux/statx.ts'
import type { FileBody } from '../../store/file-body.ts'

/** A file, folder, link or device that COPY may take, as it was when its folder was read. */
export interface SourceNode {
  /** Empty for the root. */
  readonly name: string
  readonly parent?: SourceNode
  /** Type (S_IFMT) and permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
}

/** Where COPY and ADD take files from: a folder, a tar, the files of another stage. Paths never lead outside. */
export interface SourceTree extends AsyncDisposable {
  readonly root: SourceNode
  /** Entries of a folder, sorted by name; nothing that the ignore file hides. */
  children(folder: SourceNode): readonly SourceNode[]
  find(folder: SourceNode, name: string): SourceNode | undefined
  readLink(link: SourceNode): string
  /** SHA-256 of a file's bytes, 32 bytes. BUILD_CONTEXT_CHANGED when it is not what it was when its folder was read. */
  digest(file: SourceNode): Buffer
  /** Is the digest known without reading the file? */
  isHashed(file: SourceNode): boolean
  /** Writes the 32 bytes of `digest` to `target`. */
  copyDigest(file: SourceNode, target: Buffer, offset: number): void
  /**
   * Of a file with several names, what all of them have in common. Undefined for others, and for trees in which names are
   * files of their own: how often a checkout linked its files says nothing of the image.
   */
  shared?(file: SourceNode): string | undefined
  xattrs(node: SourceNode): ReadonlyMap<string, Uint8Array> | undefined
  device(node: SourceNode): { readonly major: number; readonly minor: number }
  /** `hashing`: whoever reads the body may learn its digest on the way, so that the file is read once. */
  body(file: SourceNode, hashing?: boolean): FileBody
  /** Throws BUILD_CONTEXT_CHANGED when the file is no longer as it was; to be asked after its body was read. */
  recheck(file: SourceNode): void
  /** Why a name that was asked for is not there, when the tree knows more: hidden by line 3 of `.dockerignore`. */
  explainMissing(path: string): string | undefined
  /**
   * Digest of the selection `key` from an earlier build, when nothing at and below `paths` changed since then; a tree
   * that remembers nothing has none of the two.
   */
  remembered?(key: Digest, paths: readonly (readonly string[])[]): Digest | undefined
  /** Keeps what was found by reading. */
  remember?(key: Digest, digest: Digest): void
  /** Files come from a context: owner root, permission bits without the umask's part. */
  readonly isContext: boolean
}

/** `a/b/c` below the root, or below the folder `top`, which it is in; empty for the root. */
export function pathOf(node: SourceNode, top?: SourceNode): string {
  let path = node.name
  for (let at = node.parent; at !== top && at?.parent !== undefined; at = at.parent)
    path = `${at.name}/${path}`
  return path
}

export function isFolder(node: SourceNode): boolean {
  return (node.mode & fileTypes.mask) === fileTypes.directory
}

export function isLink(node: SourceNode): boolean {
  return (node.mode & fileTypes.mask) === fileTypes.symlink
}

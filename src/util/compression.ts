/** Formats of compressed data that are known by their first bytes. */
export type Compression = 'gzip' | 'zstd' | 'bzip2' | 'xz'

const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

/** Bytes that `sniffCompression` needs to be sure. */
export const sniffLength = 6

/** The format of data that starts with `head`; undefined when it is none of them. A skippable frame is zstd too. */
export function sniffCompression(head: Uint8Array): Compression | undefined {
  const found = magics.find(([, magic]) => magic.every((byte, at) => head[at] === byte))
  if (found !== undefined) return found[0]
  const skippable = head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18
  return skippable && ((head[0] ?? 0) & 0xf0) === 0x50 ? 'zstd' : undefined
}

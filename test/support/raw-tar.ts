/** Builds tar blocks field by field, for archives that no honest writer makes. */
export interface RawHeader {
  readonly name?: string | Uint8Array
  readonly mode?: string
  readonly uid?: string | Uint8Array
  readonly gid?: string
  readonly size?: number | string | Uint8Array
  readonly mtime?: string
  readonly type?: string
  readonly link?: string
  readonly magic?: string
  readonly major?: string | Uint8Array
  readonly minor?: string
  readonly prefix?: string
  /** Bytes laid over the block before the checksum is taken. */
  readonly patches?: readonly { readonly at: number; readonly bytes: string | Uint8Array }[]
  readonly checksum?: string
}

/** One header block; everything not given is that of an empty regular file `file`. */
export function rawHeader(header: RawHeader = {}): Buffer {
  const block = Buffer.alloc(512)
  const put = (at: number, value: string | Uint8Array): void => {
    Buffer.from(typeof value === 'string' ? Buffer.from(value, 'utf8') : value).copy(block, at)
  }
  const { size = 0 } = header
  put(0, header.name ?? 'file')
  put(100, header.mode ?? '0000644\0')
  put(108, header.uid ?? '0000000\0')
  put(116, header.gid ?? '0000000\0')
  put(124, typeof size === 'number' ? size.toString(8).padStart(11, '0') : size)
  put(136, header.mtime ?? '00000000000\0')
  put(156, header.type ?? '0')
  put(157, header.link ?? '')
  put(257, header.magic ?? 'ustar\x0000')
  put(329, header.major ?? '0000000\0')
  put(337, header.minor ?? '0000000\0')
  put(345, header.prefix ?? '')
  for (const { at, bytes } of header.patches ?? []) put(at, bytes)
  block.fill(0x20, 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  put(148, header.checksum ?? `${sum.toString(8).padStart(6, '0')}\0 `)
  return block
}

/** Data padded to whole blocks. */
export function rawData(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data)
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A header with its data, `size` taken from the data unless given. */
export function rawEntry(header: RawHeader, data: string | Uint8Array = ''): Buffer {
  const length = Buffer.from(data).length
  return Buffer.concat([rawHeader({ size: length, ...header }), rawData(data)])
}

/** A PAX header (`x`, or `g` for a global one) of records given as key and value. */
export function rawPax(records: Readonly<Record<string, string | Uint8Array>>, type = 'x'): Buffer {
  return rawEntry({ name: 'PaxHeaders/x', type }, Buffer.concat(Object.entries(records).map(rawPaxRecord)))
}

export function rawPaxRecord([key, value]: readonly [string, string | Uint8Array]): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = body.length + 1
  while (String(length).length + body.length !== length) length++
  return Buffer.concat([Buffer.from(String(length)), body])
}

/** The two zero blocks at the end. */
export const rawEnd: Buffer = Buffer.alloc(1024)

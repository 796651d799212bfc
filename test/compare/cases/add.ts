import { gzipSync, zstdCompressSync } from 'node:zlib'
import { TarWriter } from '../../../src/tar/writer.ts'
import { file, type CompareCase } from '../compare-case.ts'

/** 2010-01-01. */
const time = 1_262_304_000_000_000_000n

function archive(): Buffer {
  const writer = new TarWriter()
  const common = { mode: 0o644, uid: 5, gid: 6, mtime: time }
  const parts: Buffer[] = []
  const addFile = (path: string, text: string, mode: number): void =>
    void parts.push(
      writer.add({ ...common, path, type: 'file', mode, size: text.length }).bytes,
      Buffer.from(text),
    )
  parts.push(writer.add({ ...common, path: 'dir', type: 'directory', mode: 0o2750 }).bytes)
  addFile('dir/one', '1', 0o4755)
  addFile('no/parent/two', 'two', 0o600)
  addFile('ümlaut', 'x', 0o644)
  parts.push(writer.add({ ...common, path: 'link', type: 'symlink', linkTarget: 'dir/one' }).bytes)
  parts.push(
    writer.add({ ...common, path: 'hard', type: 'hardlink', mode: 0o4755, linkTarget: 'dir/one' }).bytes,
  )
  parts.push(writer.add({ ...common, path: 'fifo', type: 'fifo' }).bytes)
  return Buffer.concat([...parts, writer.end()])
}

const tar = archive()

/** ADD where it does more than COPY. */
export const addCases: readonly CompareCase[] = [
  {
    name: 'add-files',
    dockerfile: `FROM BASE
ADD a.txt /x
ADD dir /d/
ADD --chown=1:2 --chmod=600 a.txt dir/ /e/
ADD *.txt /f/
`,
    context: [file('a.txt'), file('b.txt'), file('dir/x'), file('dir/y/z')],
  },
  {
    name: 'add-archives',
    dockerfile: `FROM BASE
RUN mkdir -p /there/dir && chmod 700 /there && echo old > /there/link
ADD plain.tar /plain
ADD packed.tar.gz /gz/
ADD packed.tar.zst /zstd
ADD not.tar one.gz /as-is/
ADD plain.tar /there
ADD plain.tar not.tar /both/
ADD *.tar /pattern/
COPY plain.tar /copied/
`,
    context: [
      file('plain.tar', tar),
      file('packed.tar.gz', gzipSync(tar)),
      file('packed.tar.zst', zstdCompressSync(tar)),
      file('not.tar', 'no tar'),
      file('one.gz', gzipSync(Buffer.from('one'))),
    ],
  },
  {
    name: 'add-archives-owners',
    dockerfile: `FROM BASE
ADD --chown=8:9 plain.tar /owned
ADD --chmod=700 plain.tar /moded
`,
    context: [file('plain.tar', tar)],
  },
  {
    name: 'add-unpack',
    dockerfile: `FROM BASE
ADD --unpack=false plain.tar /kept/
ADD --unpack=true plain.tar /unpacked/
`,
    context: [file('plain.tar', tar)],
  },
]

// The entry of the bundle: this file stays tiny and plain, so that an old Node can read it and say what is wrong.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ChunkLoader } from './chunk-loader.ts'
import { newerSource } from './newer-source.ts'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `mille: Node.js 24 or newer is needed, this is ${process.versions.node} (${process.execPath})\n`,
  )
  process.exit(1)
}

const argv = process.argv.slice(2)
const newer = newerSource(process.env)
if (newer !== '') {
  const launcher = join(import.meta.dirname, '../bin/mille')
  process.execve?.(launcher, [launcher, ...argv], { ...process.env, MILLE_NEWER: newer })
}
delete process.env['MILLE_NEWER']
const chunks = new ChunkLoader({
  folder: import.meta.dirname,
  command: argv.find((word) => /^[a-z][a-z-]*$/.test(word)) ?? 'mille',
  require: createRequire(import.meta.filename),
})
// a command that failed left out much of what a good one does
process.on('exit', (code) => {
  if (code === 0) chunks.save()
})

/** The bundle's `import` of its chunks goes through here (rolldown.config.ts). */
export function loadChunk(name: string): unknown {
  return chunks.load(`${import.meta.dirname}/${name}`)
}

// no top-level await: the bundle is CommonJS, of which Node loads a command's files in half the time
void import('./start.ts').then(({ start }) => start(argv))

// The entry of the bundle: this file stays tiny and plain, so that an old Node can read it and say what is wrong, and so
// that the compile cache is on before anything else is compiled.
import module from 'node:module'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(
    `mille: Node.js 24 or newer is needed, this is ${process.versions.node} (${process.execPath})\n`,
  )
  process.exit(1)
}
if (import.meta.filename.endsWith('.cjs')) module.enableCompileCache(`${import.meta.dirname}/cache`)

// no top-level await: the bundle is CommonJS, of which Node loads a command's files in half the time
void import('./start.ts').then(({ start }) => start(process.argv.slice(2)))

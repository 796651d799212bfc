// The entry of the bundle: this file stays tiny, so that the compile cache is on before anything else is compiled.
import { enableCompileCache } from 'node:module'

if (import.meta.filename.endsWith('.js')) enableCompileCache(`${import.meta.dirname}/cache`)

const { start } = await import('./start.ts')
await start(process.argv.slice(2))

import { defineConfig, type RolldownOptions } from 'rolldown'

/**
 * One program of the bundle with all it needs. Programs share no chunk: rolldown would put its own helpers into the first
 * one, and each worker thread that asks for them would start the command.
 */
function program(name: string, source: string): RolldownOptions {
  return {
    input: { [name]: source },
    platform: 'node',
    external: ['koffi'],
    output: {
      dir: 'dist',
      // Node resolves, links and wraps ES modules one by one: 10 ms of a command's start
      format: 'cjs',
      entryFileNames: '[name].cjs',
      chunkFileNames: 'chunks/[name]-[hash].cjs',
      minify: false,
      sourcemap: true,
    },
  }
}

export default defineConfig([
  program('mille', 'src/cli/main.ts'),
  // each worker thread's entry lies at the top of dist/ under its own name (src/util/worker-pool.ts, workerEntry)
  program('inflate-worker', 'src/store/layers/inflate-worker.ts'),
  program('gzip-worker', 'src/util/gzip-worker.ts'),
])

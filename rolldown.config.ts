import { defineConfig } from 'rolldown'

export default defineConfig({
  // each worker thread's entry lies at the top of dist/ under its own name (src/util/worker-pool.ts, workerEntry)
  input: {
    mille: 'src/cli/main.ts',
    'inflate-worker': 'src/store/layers/inflate-worker.ts',
    'gzip-worker': 'src/util/gzip-worker.ts',
  },
  platform: 'node',
  external: ['koffi'],
  output: {
    dir: 'dist',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    minify: false,
    sourcemap: true,
  },
})

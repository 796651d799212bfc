import { defineConfig } from 'rolldown'

export default defineConfig({
  input: { mille: 'src/cli/main.ts' },
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

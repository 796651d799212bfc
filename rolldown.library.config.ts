import { defineConfig } from 'rolldown'

/** What `import … from 'mille'` loads: as the command, one file with all it needs, so that only koffi has to be installed. */
export default defineConfig({
  input: {
    index: 'src/index.ts',
    oci: 'src/oci.ts',
    registry: 'src/registry.ts',
    dockerfile: 'src/dockerfile.ts',
  },
  platform: 'node',
  external: ['koffi'],
  output: {
    dir: 'lib',
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  },
})

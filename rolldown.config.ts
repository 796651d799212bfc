import { defineConfig, type Plugin, type RolldownOptions } from 'rolldown'

/**
 * Node compiles its own larger modules at their first `require`, 1 to 5 ms each, and most commands use few of them: each is
 * asked for when a name of it is first used. The others are there from Node's own start.
 */
const lateModules = [
  'child_process',
  'crypto',
  'dns',
  'dns/promises',
  'fs/promises',
  'net',
  'stream',
  'stream/promises',
  'worker_threads',
  'zlib',
]

function requireLate(): Plugin {
  const required = new RegExp(`^let (\\w+) = require\\("node:(${lateModules.join('|')})"\\);$`, 'gm')
  return {
    name: 'require-late',
    renderChunk(code) {
      return code.replace(required, (line: string, name: string, module: string) => {
        // a default import is rebound by the line that follows: it stays as it is
        if (new RegExp(`^${name} = `, 'm').test(code)) return line
        return `const ${name} = new Proxy({}, { get: (_, key) => require("node:${module}")[key] });`
      })
    },
  }
}

/**
 * The entry hands its chunks to its own loader, which keeps V8's code of them; within the chunks `require` is that loader's.
 * rolldown has every entry ask for its helpers, also one that uses none: Node would load them besides the loader.
 */
function loadChunks(): Plugin {
  return {
    name: 'load-chunks',
    renderChunk(code, { isEntry }) {
      if (!isEntry) return null
      const helpers = code.split('require_rolldown_runtime').length > 2
      return code
        .replace(helpers ? '' : /^const require_rolldown_runtime = .*\n/m, '')
        .replaceAll('=> require("./chunks/', '=> loadChunk("chunks/')
    },
  }
}

/** V8 keeps a text with a single other character in two bytes each, and hashes all of it at each start. */
function asciiOnly(): Plugin {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return {
    name: 'ascii-only',
    // after the minifier, which takes escapes away; no name has such a character
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle))
        if (file.type === 'chunk') file.code = file.code.replace(/[^\0-\x7f]/g, escape)
    },
  }
}

/**
 * One program of the bundle with all it needs. Programs share no chunk: rolldown would put its own helpers into the first
 * one, and each worker thread that asks for them would start the command.
 */
function program(name: string, source: string): RolldownOptions {
  return {
    input: { [name]: source },
    platform: 'node',
    external: ['koffi'],
    plugins: [requireLate(), loadChunks(), asciiOnly()],
    output: {
      dir: 'dist',
      // Node resolves, links and wraps ES modules one by one: 10 ms of a command's start
      format: 'cjs',
      dynamicImportInCjs: false,
      entryFileNames: '[name].cjs',
      chunkFileNames: 'chunks/[name]-[hash].cjs',
      minify: { mangle: false, compress: false, codegen: { removeWhitespace: true } },
      sourcemap: true,
    },
  }
}

export default defineConfig([
  program('mille', 'src/cli/main.ts'),
  // each worker thread's entry lies at the top of dist/ under its own name (src/util/worker-pool.ts, workerEntry)
  program('inflate-worker', 'src/store/layers/inflate-worker.ts'),
  program('tar-sink-worker', 'src/store/layers/tar-sink-worker.ts'),
  program('gzip-worker', 'src/util/gzip-worker.ts'),
  // a process of its own, found in the same way
  program('step-keeper', 'src/runtime/chroot/step-keeper.ts'),
])

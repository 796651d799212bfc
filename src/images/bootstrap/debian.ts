import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { LayerInfo, LayerOptions, Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import { collectText } from '../../util/run-program.ts'

export interface DebianOptions extends LayerOptions {
  /** `bookworm`, `trixie`, …; default: this machine's own. */
  readonly suite: string | undefined
  readonly variant: string
}

/** Any constant does: mmdebstrap clamps file times to it, so that the same packages give the same bytes. */
const epoch = '0'

/** Files that differ from run to run, or belong to a machine and not to an image. */
const cleanups = [
  'rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*_* "$1"/var/log/apt "$1"/var/log/*.log "$1"/etc/resolv.conf',
  ': >"$1"/etc/machine-id',
  'echo localhost >"$1"/etc/hostname',
]

/**
 * apt keeps neither downloaded packages nor its caches, which differ from run to run, in layers. Named as in the
 * official images: Dockerfiles with a cache mount begin with `rm -f /etc/apt/apt.conf.d/docker-clean`.
 */
const aptConfig = [
  'Dir::Cache::pkgcache "";',
  'Dir::Cache::srcpkgcache "";',
  'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };',
]
const writeAptConfig = `printf '%s\\n' ${aptConfig.map((line) => `'${line}'`).join(' ')} >"$1"/etc/apt/apt.conf.d/docker-clean`

/** A minimal Debian or Ubuntu root by mmdebstrap, with this machine's own apt sources; its tar is kept exactly. */
export async function debianLayer(store: Store, options: DebianOptions): Promise<LayerInfo> {
  const sources = await machineSources()
  const suite = options.suite ?? sources.suite
  const args = [
    `--variant=${options.variant}`,
    '--format=tar',
    '--mode=root',
    '--quiet',
    '--aptopt=Acquire::Check-Valid-Until "false"',
    ...[...cleanups, writeAptConfig].map((command) => `--customize-hook=${command}`),
    suite,
    '-',
    ...sources.lines.map((line) => line.replaceAll('SUITE', suite)),
  ]
  const child = spawn('mmdebstrap', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch, LC_ALL: 'C.UTF-8' },
    signal: options.signal,
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'ENOENT'
          ? failure('PROGRAM_MISSING', { program: 'mmdebstrap', package: 'mmdebstrap' }, { cause })
          : cause,
      ),
    )
  })
  const errors = collectText(child.stderr, 64 * 1024)
  // both at once: a failed mmdebstrap ends the tar early, and its own words say more than `truncated`
  const [layer, code] = await Promise.allSettled([store.layers.ingest(child.stdout, options), ended])
  if (code.status === 'rejected') throw code.reason
  if (code.value !== 0) {
    const reason = (await errors).trim().split('\n').slice(-5).join('\n')
    throw failure('BOOTSTRAP_FAILED', { suite, reason })
  }
  if (layer.status === 'rejected') throw layer.reason
  return layer.value
}

interface Sources {
  /** The suite this machine runs. */
  readonly suite: string
  /** One-line apt sources, the suite's name written as SUITE. */
  readonly lines: readonly string[]
}

/** The mirror and components of the first Debian or Ubuntu source of this machine. */
async function machineSources(): Promise<Sources> {
  const release = new Map(
    (await readFile('/etc/os-release', 'utf8')).split('\n').map((line) => {
      const equals = line.indexOf('=')
      return [line.slice(0, equals), line.slice(equals + 1).replace(/^"|"$/g, '')] as const
    }),
  )
  const suite = release.get('VERSION_CODENAME') ?? 'stable'
  const texts = await aptSourceTexts()
  const found = texts.flatMap((text) => [...deb822Sources(text), ...oneLineSources(text)])
  const main = found.find(({ suites, components }) => suites.includes(suite) && components.includes('main'))
  const uri = main?.uri ?? 'http://deb.debian.org/debian'
  const components = main?.components ?? ['main']
  return { suite, lines: [`deb ${uri} SUITE ${components.join(' ')}`] }
}

interface Source {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
}

async function aptSourceTexts(): Promise<string[]> {
  const folder = '/etc/apt/sources.list.d'
  const names = await readdir(folder).catch(() => [])
  const files = ['/etc/apt/sources.list', ...names.sort().map((name) => join(folder, name))]
  return Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
}

/** Source: sources.list(5), "DEB822-STYLE FORMAT". */
function deb822Sources(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string[] =>
      new RegExp(`^${name}:[ \\t]*(.+)$`, 'mi').exec(stanza)?.[1]?.trim().split(/\s+/) ?? []
    const uri = field('URIs')[0]
    return uri !== undefined && field('Types').includes('deb')
      ? [{ uri, suites: field('Suites'), components: field('Components') }]
      : []
  })
}

/** Source: sources.list(5), "ONE-LINE-STYLE FORMAT". */
function oneLineSources(text: string): Source[] {
  const line = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$/gm
  return [...text.matchAll(line)].map(([, uri = '', suite = '', components = '']) => ({
    uri,
    suites: [suite],
    components: components.trim().split(/\s+/),
  }))
}

import { alignColumns } from './align-columns.ts'

interface CallMethod {
  readonly name: string
  readonly description: string
  readonly opts: readonly { readonly name: string; readonly description: string }[] | null
}

/** What `--call` knows, as BuildKit describes it (B65). */
export const methods: readonly CallMethod[] = [
  {
    name: 'outline',
    description: 'List all parameters current build target supports',
    opts: [{ name: 'target', description: 'Target build stage' }],
  },
  { name: 'targets', description: 'List all targets current build supports', opts: [] },
  { name: 'check', description: 'Run the build checks without building', opts: [] },
  { name: 'subrequests.describe', description: 'List available subrequest types', opts: null },
]

const version = '1.0.0'

export function methodsText(listed: readonly CallMethod[]): string {
  const rows = listed.map(({ name, description }) => `${name}\t${version}\t${description}\n`)
  return alignColumns(`NAME\tVERSION\tDESCRIPTION\n${rows.join('')}`, 0, 1)
}

export const methodsJson: readonly unknown[] = methods.map(({ name, description, opts }) => ({
  name: `frontend.${name}`,
  version,
  type: 'rpc',
  description,
  opts,
  inputs: null,
  metadata: ['result.json', 'result.txt'].map((file) => ({ name: file, description: '' })),
  refs: null,
}))

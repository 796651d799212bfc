import { imageTree, type ImageTree, type TreeNode } from './image-tree.ts'
import type { SavedImage } from './saved-image.ts'

/** `what`: `config.Env`, `history[3].created_by`, `tree etc/passwd mode`, … */
export interface Difference {
  readonly what: string
  readonly mille: string
  readonly docker: string
}

/** What decides how a container of the image runs. */
const settings = [
  'Env',
  'Cmd',
  'Entrypoint',
  'User',
  'WorkingDir',
  'Labels',
  'ExposedPorts',
  'Volumes',
  'OnBuild',
  'Healthcheck',
  'StopSignal',
  'Shell',
] as const
const documentFields = ['architecture', 'os', 'variant', 'author'] as const
const historyFields = ['created_by', 'comment', 'author'] as const

/**
 * All that differs. Times are compared where Docker's is older than `begun` (seconds since the epoch): what a build makes
 * has the time at which it was made.
 */
export async function compareImages(
  mille: SavedImage,
  docker: SavedImage,
  begun: number,
): Promise<Difference[]> {
  const [own, other] = [await imageTree(mille.layers), await imageTree(docker.layers)]
  return [
    ...settings.flatMap((name) =>
      compare(`config.${name}`, mille.config.config?.[name], docker.config.config?.[name]),
    ),
    ...documentFields.flatMap((name) => compare(name, mille.config[name], docker.config[name])),
    ...compareHistory(rowsOf(mille, own), rowsOf(docker, other)),
    ...compare('layers', own.changes.filter(Boolean).length, other.changes.filter(Boolean).length),
    ...[...new Set([...own.nodes.keys(), ...other.nodes.keys()])]
      .sort()
      .flatMap((path) => compareNodes(path, own.nodes.get(path), other.nodes.get(path), begun)),
    ...compare('hard links', linkGroups(own), linkGroups(other)),
  ]
}

/** A row of history, and whether its step changed anything: a layer may be there that does not. */
interface Row {
  readonly fields: Readonly<Record<string, unknown>>
  readonly changed: boolean
}

function rowsOf({ config }: SavedImage, { changes }: ImageTree): Row[] {
  let next = 0
  return (config.history ?? []).map((fields) => {
    const changed = fields['empty_layer'] === true ? false : changes[next++] === true
    return { fields, changed }
  })
}

function compareHistory(own: readonly Row[], other: readonly Row[]): Difference[] {
  if (own.length !== other.length) {
    const rows = (history: readonly Row[]): unknown => history.map(({ fields }) => fields['created_by'])
    return compare('history', rows(own), rows(other))
  }
  return own.flatMap((row, index) => [
    ...historyFields.flatMap((name) =>
      compare(`history[${index}].${name}`, row.fields[name] ?? '', other[index]?.fields[name] ?? ''),
    ),
    ...compare(`history[${index}] changed files`, row.changed, other[index]?.changed),
  ])
}

function compareNodes(
  path: string,
  own: TreeNode | undefined,
  other: TreeNode | undefined,
  begun: number,
): Difference[] {
  if (own === undefined || other === undefined) return compare(`tree ${path}`, own?.type, other?.type)
  const names = ['type', 'mode', 'owner', 'size', 'digest', 'target', 'device', 'xattrs'] as const
  const found = names.flatMap((name) => compare(`tree ${path} ${name}`, own[name], other[name]))
  return other.time < begun ? [...found, ...compare(`tree ${path} time`, own.time, other.time)] : found
}

/** Names that stand for one file, as sorted lists. */
function linkGroups({ nodes }: ImageTree): string[] {
  const files = [...nodes].filter(([, { type }]) => type !== 'directory').map(([path]) => path)
  const groups = Map.groupBy(files.sort(), (path) => nodes.get(path))
  return [...groups.values()].filter(({ length }) => length > 1).map((names) => names.join(' = '))
}

function compare(what: string, own: unknown, other: unknown): Difference[] {
  const [mille, docker] = [textOf(own), textOf(other)]
  return mille === docker ? [] : [{ what, mille, docker }]
}

/** Keys of objects sorted; none, null and an empty one are the same to every reader. */
function textOf(value: unknown): string {
  if (value === undefined || value === null) return 'none'
  if (typeof value !== 'object') return String(value)
  if (Object.keys(value).length === 0) return 'none'
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
}

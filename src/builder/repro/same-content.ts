import { createHash } from 'node:crypto'
import { readTar, type TarMember } from '../../tar/read-tar.ts'

type OpenTar = () => Promise<AsyncIterable<Buffer>>

/** Two layers that should be one. */
export interface LayerPair {
  readonly first: OpenTar
  readonly second: OpenTar
}

interface Content {
  readonly size: number
  readonly sha256: string
}

/** The file of `pair` whose contents in both layers are those that `path` has in the layers of `shown`. */
export async function findSameContent(
  pair: LayerPair,
  shown: LayerPair,
  path: string,
): Promise<string | undefined> {
  const [one, other] = [await contentOf(shown.first, path), await contentOf(shown.second, path)]
  if (one === undefined || other === undefined) return undefined
  const paths = await pathsOf(pair.first, one)
  if (paths.size === 0) return undefined
  const others = await pathsOf(pair.second, other)
  return [...paths].find((name) => others.has(name))
}

async function contentOf(open: OpenTar, path: string): Promise<Content | undefined> {
  for await (const member of readTar(await open())) {
    const { entry } = member
    if (entry.path === path && entry.type === 'file')
      return { size: entry.size, sha256: await digestOf(member) }
  }
  return undefined
}

/** Only files of the same size are read. */
async function pathsOf(open: OpenTar, { size, sha256 }: Content): Promise<Set<string>> {
  const paths = new Set<string>()
  for await (const member of readTar(await open())) {
    const { entry } = member
    const isCandidate = entry.type === 'file' && entry.size === size
    if (isCandidate && (await digestOf(member)) === sha256) paths.add(entry.path)
  }
  return paths
}

async function digestOf({ body }: TarMember): Promise<string> {
  const hash = createHash('sha256')
  for await (const bytes of body) hash.update(bytes as Buffer)
  return hash.digest('hex')
}

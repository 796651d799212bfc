import type { GitRepository } from './git-repository.ts'

export interface Submodule {
  /** Clean, relative to the repository. */
  readonly path: string
  /** Absolute: a relative one was resolved against the repository's own. */
  readonly url: string
  readonly commit: string
}

/** What `.gitmodules` of a commit names and its tree has; everything else that file says is left alone. */
export async function findSubmodules(repository: GitRepository, commit: string): Promise<Submodule[]> {
  const text = await repository.try([
    'config',
    '-z',
    '--list',
    '--no-includes',
    `--blob=${commit}:.gitmodules`,
  ])
  if (text === undefined) return []
  const settings = new Map<string, { path?: string; url?: string }>()
  for (const line of text.split('\0')) {
    const match = /^submodule\.(.+)\.(path|url)\n(.*)$/s.exec(line)
    if (match === null) continue
    const [, name = '', key, value = ''] = match
    settings.set(name, { ...settings.get(name), ...(key === 'path' ? { path: value } : { url: value }) })
  }
  const links = await findLinks(repository, commit)
  return [...settings.values()].flatMap(({ path = '', url = '' }) => {
    const found = links.get(path)
    return found === undefined || !isClean(path)
      ? []
      : [{ path, url: absoluteUrl(repository.remote.url, url), commit: found }]
  })
}

/** A tree made by hand may hold a folder called `..`. */
function isClean(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

/** Commits in the tree, by path. */
async function findLinks(repository: GitRepository, commit: string): Promise<Map<string, string>> {
  const text = await repository.run(['ls-tree', '-r', '-z', '--full-tree', commit])
  const links = new Map<string, string>()
  for (const line of text.split('\0')) {
    const match = /^160000 commit ([0-9a-f]+)\t(.+)$/s.exec(line)
    if (match !== null) links.set(match[2] ?? '', match[1] ?? '')
  }
  return links
}

/** `../other.git` beside the repository, as git reads it. */
function absoluteUrl(base: string, url: string): string {
  if (!/^\.\.?\//.test(url)) return url
  const scp = /^([^/]+@[^/:]+:)(.*)$/.exec(base)
  const [head, path] = scp === null ? splitUrl(base) : ([scp[1] ?? '', scp[2] ?? ''] as const)
  const parts = path.replace(/\/+$/, '').split('/')
  for (const part of url.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return head + parts.join('/')
}

function splitUrl(url: string): readonly [string, string] {
  const match = /^([a-z]+:\/\/[^/]+\/)(.*)$/i.exec(url)
  return [match?.[1] ?? '', match?.[2] ?? url]
}

import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { failure } from '../../util/errors.ts'

const names = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const overrides = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

/** The compose file of the folder or the nearest one above, and what overrides it there. COMPOSE_NO_FILE. */
export function findFiles(folder: string): string[] {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = names.map((name) => join(at, name)).find((path) => existsSync(path))
    if (file !== undefined) {
      const more = overrides.map((name) => join(at, name)).find((path) => existsSync(path))
      return more === undefined ? [file] : [file, more]
    }
    if (at === dirname(at)) throw failure('COMPOSE_NO_FILE', {})
  }
}

/** A folder's name as that of a project: lower case, of letters, digits, `-` and `_`. */
export function projectNameOf(folder: string): string {
  return basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
}

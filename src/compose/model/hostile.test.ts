import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure } from '../../util/errors.ts'
import { loadProject } from './load-project.ts'
import type { Project } from './project.ts'

type Files = Readonly<Record<string, string>>

async function load(files: Files | string, env: Files = {}): Promise<Project> {
  const all: Files = typeof files === 'string' ? { '/p/compose.yaml': files } : files
  return await loadProject({
    files: ['/p/compose.yaml'],
    profiles: [],
    envFiles: [],
    currentFolder: '/p',
    env,
    readFile: (path) => {
      const text = all[path]
      return text === undefined
        ? Promise.reject(failure('COMPOSE_FILE_UNREADABLE', { path, reason: 'no such file or directory' }))
        : Promise.resolve(text)
    },
    warn: () => undefined,
  })
}

async function problem(files: Files | string): Promise<string> {
  try {
    await load(files)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return 'nothing'
}

const service = (fields: string): string => `services: {web: {image: x, ${fields}}}`

const cases: readonly (readonly [title: string, text: string, expected: RegExp])[] = [
  [
    'an unknown key has its place and the likely one',
    'services:\n  web:\n    imag: x',
    /^validating \/p\/compose\.yaml:3:5: services\.web additional properties 'imag' not allowed, did you mean image\?$/,
  ],
  [
    'an unknown section',
    'servces: {}',
    /compose\.yaml:1:1: additional properties 'servces' not allowed, did you mean services\?/,
  ],
  [
    'a key below the top',
    service('build: {contxt: .}'),
    /services\.web\.build additional properties 'contxt' not allowed, did you mean context\?/,
  ],
  [
    'a wrong kind of value',
    service('ports: 80'),
    /compose\.yaml:1:28: services\.web\.ports must be a array$/,
  ],
  ['a size that is none', service('mem_limit: much'), /services\.web\.mem_limit: invalid size: 'much'$/],
  ['a port out of range', service('ports: ["1:99999"]'), /services\.web\.ports\.0: invalid containerPort/],
  [
    'a required variable',
    service('user: "${WHO:?say who}"'),
    /services\.web\.user: required variable WHO is missing a value: say who$/,
  ],
  ['an open variable', service('user: "${WHO"'), /invalid interpolation format for services\.web\.user/],
  [
    'a name that is none',
    'services: {__proto__: {image: x}, a: {image: x}}',
    /services additional properties '__proto__' not allowed$/,
  ],
  [
    'an undefined network',
    'services: {web: {image: x, networks: [fron]}}\nnetworks: {front: }',
    /^service "web" refers to undefined network fron \(did you mean front\?\): invalid compose project$/,
  ],
  [
    'an undefined dependency',
    'services: {web: {image: x, depends_on: [bd]}, db: {image: x}}',
    /^service "web" depends on undefined service "bd" \(did you mean db\?\)/,
  ],
  [
    'services that wait for each other',
    'services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}',
    /^dependency cycle detected: a -> b -> a$/,
  ],
  [
    'no image',
    'services: {web: {}}',
    /^service "web" has neither an image nor a build context specified: invalid compose project$/,
  ],
  [
    'two limits that differ',
    service('cpus: 1, deploy: {resources: {limits: {cpus: 2}}}'),
    /can't set distinct values on 'cpus'/,
  ],
  [
    'one name for several containers',
    service('container_name: one, scale: 2'),
    /container name must be unique/,
  ],
  [
    'a doubled key',
    'services:\n  a: {image: x}\n  a: {image: y}',
    /^yaml: \/p\/compose\.yaml:3:3: Map keys must be unique$/,
  ],
  ['an alias inside of itself', 'x-a: &a [*a]', /^yaml: \/p\/compose\.yaml:1:10: unknown anchor 'a'$/],
  ['an open bracket', 'services: {web: {image: [}', /^yaml: \/p\/compose\.yaml:1:\d+: /],
  ['a service that extends itself', service('extends: web'), /Circular reference:/],
  [
    'a service that is not there to extend',
    service('extends: wed'),
    /service "wed" not found in this file, did you mean web\?/,
  ],
  [
    'an include of a repository',
    'include: ["https://example.com/a.git"]',
    /is not supported by mille: only files of this machine are included/,
  ],
]

for (const [title, text, expected] of cases) {
  test(`refused: ${title}`, async () => assert.match(await problem(text), expected))
}

test('aliases of aliases are refused before they fill the memory', async () => {
  const lines = Array.from({ length: 12 }, (_, index) => {
    const inside = index === 0 ? 'x' : `*a${index - 1}`
    return `x-${index}: &a${index} [${Array.from({ length: 9 }, () => inside).join()}]`
  })
  assert.match(await problem(lines.join('\n')), /more than 200000 values, aliases counted$/)
})

test('nesting that would end the process is refused', async () => {
  assert.match(await problem(`a: ${'['.repeat(100_000)}`), /nested too deep$/)
  assert.match(await problem('- '.repeat(5000)), /nested too deep$/)
  assert.match(
    await problem(Array.from({ length: 200 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')),
    /nested deeper than 64$/,
  )
})

test('a huge file is refused', async () => {
  assert.match(await problem(`# ${'x'.repeat(5 * 2 ** 20)}`), /larger than 4194304 bytes$/)
})

test('files that include each other are refused, also without a cycle when they are too many', async () => {
  const cycle = { '/p/compose.yaml': 'include: [b.yaml]', '/p/b.yaml': 'include: [compose.yaml]' }
  assert.match(await problem(cycle), /include cycle detected/)
  const doubling = Object.fromEntries(
    Array.from({ length: 20 }, (_, at) => [
      at === 0 ? '/p/compose.yaml' : `/p/${at}.yaml`,
      at === 19 ? 'services: {}' : `include: [${at + 1}.yaml, {path: ${at + 1}.yaml}]`,
    ]),
  )
  assert.match(await problem(doubling), /more than 500 files are included or extended$/)
})

test('a cycle of extends over files is refused', async () => {
  const files = {
    '/p/compose.yaml': 'services: {a: {extends: {file: b.yaml, service: b}}}',
    '/p/b.yaml': 'services: {b: {extends: {file: compose.yaml, service: a}}}',
  }
  assert.match(await problem(files), /Circular reference/)
})

test('keys of objects in JavaScript are keys as all others', async () => {
  const { services } = await load('services: {web: {image: x, environment: {__proto__: a, constructor: b}}}')
  assert.deepEqual(Object.entries(services['web']?.environment ?? {}), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
  assert.match(await problem('services: {web: {image: x, constructor: y}}'), /'constructor' not allowed/)
})

test('the environment counts before the file, and a name given before both', async () => {
  const files = { '/p/compose.yaml': 'name: inside\nservices: {a: {image: "x:$TAG"}}', '/p/.env': 'TAG=file' }
  assert.deepEqual((await load(files, { TAG: 'env' })).services['a']?.image, 'x:env')
  assert.deepEqual((await load(files)).services['a']?.image, 'x:file')
  assert.equal((await load(files)).name, 'inside')
  assert.equal((await load(files, { COMPOSE_PROJECT_NAME: 'outside' })).name, 'outside')
})

import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fakeImage, fakeImageDetails, fakeNow } from '../../test/support/fake-engine.ts'
import { runCli } from '../../test/support/run-cli.ts'
import type { Images } from '../images/images.ts'
import { sha256 } from '../oci/digest.ts'
import { failure } from '../util/errors.ts'

const app = fakeImage('app:1')
const other = fakeImage('host:5000/team/other:latest', {
  repoDigests: [`host:5000/team/other@${sha256('m')}`],
  size: 116_600_000,
  containers: 2,
})
const dangling = fakeImage('gone:1', { repoTags: [], dangling: true, createdAt: fakeNow - 500 })
const images = { list: () => Promise.resolve([dangling, app, other]) }
const id = (image: { readonly id: string }): string => image.id.slice(7, 19)

test('images: the table', async () => {
  const { code, out } = await runCli(['images'], { images })
  assert.equal(code, 0)
  assert.equal(
    out,
    `REPOSITORY             TAG       IMAGE ID       CREATED                  SIZE
<none>                 <none>    ${id(dangling)}   Less than a second ago   8.51MB
app                    1         ${id(app)}   3 days ago               8.51MB
host:5000/team/other   latest    ${id(other)}   3 days ago               117MB
`,
  )
})

test('images -q, --no-trunc, --digests, --format', async () => {
  const run = async (...flags: string[]): Promise<string> =>
    (await runCli(['image', 'ls', ...flags], { images })).out
  assert.equal(await run('-q'), `${id(dangling)}\n${id(app)}\n${id(other)}\n`)
  assert.equal(await run('-q', '--no-trunc'), `${dangling.id}\n${app.id}\n${other.id}\n`)
  assert.match(await run('--digests'), new RegExp(`team/other +latest +${sha256('m')} `))
  assert.equal(
    await run('--format', '{{.Repository}}:{{.Tag}}'),
    '<none>:<none>\napp:1\nhost:5000/team/other:latest\n',
  )
  const [json] = (await run('--format', 'json')).split('\n')
  assert.equal(
    json,
    `{"Containers":"0","CreatedAt":"2026-11-21 08:21:11 +0000 UTC","CreatedSince":"Less than a second ago","Digest":"\\u003cnone\\u003e","ID":"${id(dangling)}","Repository":"\\u003cnone\\u003e","SharedSize":"0B","Size":"8.51MB","Tag":"\\u003cnone\\u003e","UniqueSize":"8.512MB","VirtualSize":"8.512MB"}`,
  )
  assert.equal(
    await run('--format', 'table {{.ID}}\\t{{.Size}}', '-f', 'dangling=true').then(
      (out) => out.split('\n')[0],
    ),
    'IMAGE ID       SIZE',
  )
})

test('images: wrong filters and fields say what there is', async () => {
  const bad = await runCli(['images', '--filter', 'foo=1'], { images })
  assert.deepEqual([bad.code, bad.out], [1, ''])
  assert.match(
    bad.err,
    /^invalid filter 'foo': there are dangling, label, before, since, reference, until\n$/,
  )
  const field = await runCli(['images', '--format', '{{.Repo}}'], { images })
  assert.equal(field.code, 1)
  assert.match(
    field.err,
    /^template parsing error: template: :1:2: executing "" at <\.Repo>: can't evaluate field Repo/,
  )
})

test('inspect: array, template, missing', async () => {
  const parts = {
    images: {
      inspect: (name: string) =>
        name === 'app:1'
          ? Promise.resolve(fakeImageDetails('app:1'))
          : Promise.reject(failure('NO_SUCH_IMAGE', { reference: `${name}:latest` })),
    },
  }
  const found = await runCli(['image', 'inspect', 'app:1'], parts)
  const [value] = JSON.parse(found.out) as [Record<string, unknown>]
  assert.equal(value['Id'], sha256('app:1'))
  assert.deepEqual(value['RepoTags'], ['app:1'])
  assert.match(found.out, /^\[\n {4}\{\n {8}"Id": "sha256:/)
  const line = await runCli(
    ['image', 'inspect', '-f', '{{.Config.Labels.a}} {{json .Config.Cmd}}', 'app:1'],
    parts,
  )
  assert.equal(line.out, 'b ["/bin/sh"]\n')
  const missing = await runCli(['image', 'inspect', 'nope'], parts)
  assert.deepEqual(missing, {
    code: 1,
    out: '[]\n',
    err: 'Error response from daemon: No such image: nope:latest\n',
  })
})

test('inspect -f: what an image does not state is empty, and shows in no JSON', async () => {
  const parts = { images: { inspect: () => Promise.resolve(fakeImageDetails('app:1')) } }
  const print = async (format: string): Promise<string> =>
    (await runCli(['image', 'inspect', '-f', format, 'app:1'], parts)).out
  assert.equal(await print('{{.Config.Healthcheck}}'), '<nil>\n')
  assert.equal(await print('{{with .Config.Healthcheck}}yes{{else}}no{{end}}'), 'no\n')
  assert.doesNotMatch(await print('{{json .Config}}'), /Healthcheck/)
})

test('history: rows, -q, raw sizes and times', async () => {
  const rows = [
    {
      id: sha256('h'),
      createdAt: fakeNow - 120_000,
      createdBy: `RUN ${'x'.repeat(60)}`,
      size: 1_234_567,
      comment: 'c',
      tags: [],
    },
    { createdAt: Date.UTC(2026, 10, 21, 8, 0, 0), createdBy: 'ENV A=1', size: 0, comment: '', tags: [] },
  ]
  const parts = { images: { history: () => Promise.resolve(rows) } }
  const { out } = await runCli(['history', 'app'], parts)
  assert.equal(
    out,
    `IMAGE          CREATED          CREATED BY                                      SIZE      COMMENT
${sha256('h').slice(7, 19)}   2 minutes ago    RUN ${'x'.repeat(40)}…   1.23MB    c
<missing>      21 minutes ago   ENV A=1                                         0B        
`,
  )
  assert.equal(
    (await runCli(['history', '-q', 'app'], parts)).out,
    `${sha256('h').slice(7, 19)}\n<missing>\n`,
  )
  assert.match(
    (await runCli(['history', '-H=false', 'app'], parts)).out,
    /2026-11-21T08:19:12Z +RUN x+… +1234567 +c/,
  )
})

test('history: text of an image moves no cursor and forges no row of a table', async () => {
  const bad = { createdBy: 'RUN \x1b[2Jx\n<missing>\x9b1m', comment: 'a\x07\tb' }
  const rows = [{ ...bad, createdAt: fakeNow, size: 0, tags: [] }]
  const parts = { images: { history: () => Promise.resolve(rows) } }
  const print = async (...flags: string[]): Promise<string> =>
    (await runCli(['history', ...flags, 'app'], parts)).out
  assert.match(await print(), /RUN \\x1b\[2Jx\\n<missing>\\x9b1m +0B +a\\x07\\tb\n$/)
  assert.match(await print('--format', 'table {{.Comment}}'), /\na\\x07\\tb\n$/)
  assert.equal(JSON.parse(await print('--format', 'json')).Comment, bad.comment)
})

test('rmi goes on after a failure; -f forgives what is missing', async () => {
  const remove = (name: string): Promise<{ untagged: string }[]> =>
    name === 'nope'
      ? Promise.reject(failure('NO_SUCH_IMAGE', { reference: 'nope:latest' }))
      : Promise.resolve([{ untagged: `${name}:latest` }])
  const plain = await runCli(['rmi', 'nope', 'a'], { images: { remove } })
  assert.deepEqual(plain, {
    code: 1,
    out: 'Untagged: a:latest\n',
    err: 'Error response from daemon: No such image: nope:latest\n',
  })
  assert.equal((await runCli(['image', 'rm', 'nope', '-f'], { images: { remove } })).code, 0)
})

test('prune asks, and does nothing without a yes', async () => {
  const prune = { removed: [{ deleted: sha256('x') }], reclaimed: 1_500_000 }
  const parts = { images: { prune: () => Promise.resolve(prune) } }
  const no = await runCli(['image', 'prune'], {}, { stdin: 'n\n' })
  assert.equal(
    no.out,
    'WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ',
  )
  assert.equal(no.code, 0)
  const yes = await runCli(['image', 'prune', '-a', '-f'], parts)
  assert.equal(yes.out, `Deleted Images:\ndeleted: ${sha256('x')}\n\nTotal reclaimed space: 1.5MB\n`)
})

test('pull prints what Docker prints', async () => {
  const pull: Images['pull'] = (_, options = {}) => {
    options.onProgress?.({ id: 'latest', status: 'Pulling from library/wordpress' })
    options.onProgress?.({ id: 'aaaaaaaaaaaa', status: 'Pulling fs layer' })
    options.onProgress?.({ id: 'aaaaaaaaaaaa', status: 'Downloading', current: 5 })
    options.onProgress?.({ id: 'aaaaaaaaaaaa', status: 'Pull complete' })
    options.onProgress?.({ status: `Digest: ${sha256('d')}` })
    return Promise.resolve([
      { id: sha256('i'), digest: sha256('d'), name: 'docker.io/library/wordpress:latest', changed: true },
    ])
  }
  const parts = { images: { pull } }
  const { out, code } = await runCli(['pull', 'wordpress'], parts)
  assert.equal(code, 0)
  assert.equal(
    out,
    `Using default tag: latest
latest: Pulling from library/wordpress
aaaaaaaaaaaa: Pulling fs layer
aaaaaaaaaaaa: Pull complete
Digest: ${sha256('d')}
Status: Downloaded newer image for wordpress:latest
docker.io/library/wordpress:latest
`,
  )
  assert.equal((await runCli(['pull', '-q', 'wordpress'], parts)).out, 'docker.io/library/wordpress:latest\n')
})

test('pull warns of an image for another platform than asked for', async () => {
  const result = { id: sha256('i'), digest: sha256('d'), name: 'docker.io/library/x:latest', changed: true }
  const pull: Images['pull'] = () => Promise.resolve([result])
  const inspect: Images['inspect'] = () => Promise.resolve(fakeImageDetails('x'))
  const errOf = async (platform: string): Promise<string> =>
    (await runCli(['pull', '--platform', platform, 'x'], { images: { pull, inspect } })).err
  assert.equal(await errOf('linux/amd64'), '')
  assert.equal(
    await errOf('linux/s390x'),
    'WARNING: image with reference x:latest was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)\n',
  )
})

test('push ends with tag, digest and size', async () => {
  const push = (): Promise<{ tag: string; digest: ReturnType<typeof sha256>; size: number }[]> =>
    Promise.resolve([{ tag: 'y', digest: sha256('d'), size: 528 }])
  const { out } = await runCli(['push', 'localhost:5000/mq/x:y'], { images: { push } })
  assert.equal(
    out,
    `The push refers to repository [localhost:5000/mq/x]\ny: digest: ${sha256('d')} size: 528\n`,
  )
})

test('save refuses a terminal and leaves no half file', async () => {
  const terminal = await runCli(['save', 'app'], {}, { tty: true })
  assert.deepEqual(
    [terminal.code, terminal.err],
    [1, 'cowardly refusing to save to a terminal. Use the -o flag or redirect\n'],
  )
  const folder = await mkdtemp(join(tmpdir(), 'mille-save-'))
  try {
    const path = join(folder, 'x.tar')
    const failing = {
      images: { save: () => Promise.reject(failure('NO_SUCH_IMAGE', { reference: 'nope' })) },
    }
    const failed = await runCli(['save', '-o', path, 'nope'], failing)
    assert.deepEqual([failed.code, await readdir(folder)], [1, []])
    const whole = {
      images: {
        save: (_: readonly string[], sink: NodeJS.WritableStream) => {
          sink.end('bytes')
          return Promise.resolve()
        },
      },
    }
    assert.equal((await runCli(['save', '-o', path, 'app'], whole)).code, 0)
    assert.equal(await readFile(path, 'utf8'), 'bytes')
    assert.deepEqual(await readdir(folder), ['x.tar'])
    const lost = await runCli(['save', '-o', '/nope/x.tar', 'app'], whole)
    assert.equal(lost.err, 'open /nope/x.tar: no such file or directory\n')
    assert.match((await runCli(['save', '-o', folder, 'app'], whole)).err, /: is a directory\n$/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('load names what it loaded; a missing file is one line', async () => {
  const load = (): Promise<({ name: string } | { id: ReturnType<typeof sha256> })[]> =>
    Promise.resolve([{ name: 'x:y' }, { id: sha256('i') }])
  const { out } = await runCli(['load'], { images: { load } }, { stdin: 'tar' })
  assert.equal(out, `Loaded image: x:y\nLoaded image ID: ${sha256('i')}\n`)
  const missing = await runCli(['load', '-i', '/nope/x.tar'], { images: { load } })
  assert.deepEqual(missing, { code: 1, out: '', err: 'open /nope/x.tar: no such file or directory\n' })
})

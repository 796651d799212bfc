import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildRequest } from '../../builder/build.ts'
import { sha256 } from '../../oci/digest.ts'
import { runCli, type CliOptions } from '../../../test/support/run-cli.ts'
import { csvFields } from '../input/parse-attributes.ts'

async function outputsOf(...args: string[]): Promise<BuildRequest['outputs']> {
  let outputs: BuildRequest['outputs']
  const builder = {
    build: (request: BuildRequest) => {
      ;({ outputs } = request)
      return Promise.resolve({ id: sha256('i'), names: [], metadata: {}, steps: [], times })
    },
  }
  const { code, err } = await runCli(['build', ...args, '.'], { builder })
  assert.equal(code, 0, err)
  return outputs
}

async function refused(output: string, options: CliOptions = {}): Promise<string> {
  const { code, err } = await runCli(['build', '-o', output, '.'], {}, options)
  assert.equal(code, 1)
  return err
}

const times = { total: 0, phases: [], cpu: 0 }

test('an image goes into the store; --load, --push, --squash and --annotation add to it', async () => {
  const image = {
    kind: 'image',
    form: { mediaTypes: 'oci', annotations: [] },
    squash: false,
    store: true,
    push: false,
    byDigest: false,
  }
  assert.deepEqual(await outputsOf(), [image])
  assert.deepEqual(await outputsOf('--load'), [image])
  assert.deepEqual(await outputsOf('--push', '--squash'), [{ ...image, push: true, squash: true }])
  assert.deepEqual(await outputsOf('-o', 'type=cacheonly', '--push'), [
    { kind: 'none' },
    { ...image, push: true },
  ])
  const [annotated] = (await outputsOf('--annotation', 'index,manifest[linux/arm64]:a=b=c')) ?? []
  assert.deepEqual(annotated?.kind === 'image' && annotated.form.annotations, [
    { place: 'index', key: 'a', value: 'b=c' },
    { place: 'manifest', key: 'a', platform: { os: 'linux', architecture: 'arm64' }, value: 'b=c' },
  ])
})

test('attributes of an image; a quoted field may hold commas', async () => {
  const text =
    'type=image,"name=a,b:1",push=1,compression=zstd,compression-level=9,force-compression=true,oci-mediatypes=true,annotation-index.x.y=z'
  assert.deepEqual(await outputsOf('-o', text), [
    {
      kind: 'image',
      names: ['docker.io/library/a:latest', 'docker.io/library/b:1'],
      form: {
        mediaTypes: 'oci',
        annotations: [{ place: 'index', key: 'x.y', value: 'z' }],
        compression: { type: 'zstd', level: 9, force: true },
      },
      squash: false,
      store: true,
      push: true,
      byDigest: false,
    },
  ])
  assert.deepEqual(csvFields('a,"b,""c""",'), ['a', 'b,"c"', ''])
  assert.throws(() => csvFields('"a'), /does not end/)
})

test('short forms are a folder and standard output', async () => {
  assert.deepEqual(await outputsOf('-o', 'out'), [
    { kind: 'folder', path: 'out', split: false, attestationPrefix: '' },
  ])
  const [tar] = (await outputsOf('-o', '-')) ?? []
  assert.equal(tar?.kind, 'tar')
})

test('a wrong output says what there is (D-C8)', async () => {
  assert.match(
    await refused('type=foo'),
    /unknown output type "foo": there are cacheonly, docker, image, local/,
  )
  assert.match(await refused('type=lokal'), /did you mean local\?/)
  assert.match(await refused('dest=x,push=true'), /type is required for output/)
  assert.match(await refused('type=local'), /dest is required for local exporter/)
  assert.match(await refused('type=local,dest=-'), /dest cannot be stdout for local exporter/)
  assert.match(await refused('type=local,dest=package.json'), /destination directory package.json is a file/)
  assert.match(await refused('type=tar,dest=src'), /destination file src is a directory/)
  assert.match(await refused('type=oci', { tty: true }), /refusing to write to console/)
  assert.match(
    await refused('type=image,pushh=true'),
    /unknown attribute "pushh" of output type image: did you mean push\?/,
  )
  assert.match(await refused('type=image,push=maybe'), /"maybe" is neither true nor false/)
  assert.match(await refused('type=image,compression=xz'), /there are gzip, zstd, uncompressed/)
  assert.match(await refused('type=image,annotation-foo.x=y'), /unknown annotation type "foo"/)
})

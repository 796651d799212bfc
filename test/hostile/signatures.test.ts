import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, suite, test } from 'node:test'
import { pullImage } from '../../src/images/pull.ts'
import { checkSignature } from '../../src/images/signatures/check-signature.ts'
import { parseSignaturePolicy, readSignaturePolicy, ruleFor } from '../../src/images/signatures/policy.ts'
import { canonicalJson } from '../../src/oci/canonical-json.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestHex, sha256, type Digest } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import type { RegistryClient, Repository } from '../../src/registry/repository.ts'
import { testMille } from '../support/mille.ts'
import { pushImage, randomImage, type RandomImage } from '../support/random-image.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'
import { openTempStore } from '../support/temp-store.ts'

const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const otherPair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

let folder: string
let registry: DockerRegistry
let client: RegistryClient
let seed = 200

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-signatures-'))
  writeFileSync(join(folder, 'key.pub'), pem(pair.publicKey))
  registry = await startDockerRegistry()
  client = createRegistryClient()
})
after(async () => {
  await client[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Payload {
  readonly digest: string
  readonly name: string
  readonly type?: string
}
const payloadOf = ({ digest, name, type = 'cosign container image signature' }: Payload): Buffer =>
  canonicalJson({
    critical: {
      identity: { 'docker-reference': name },
      image: { 'docker-manifest-digest': digest },
      type,
    },
    optional: null,
  })

interface Made {
  readonly payload: Buffer
  readonly signature: Buffer
}
const made = (payload: Buffer, key: KeyObject = pair.privateKey): Made => ({
  payload,
  signature: sign('sha256', payload, key),
})

/** As cosign stores it: a manifest whose layers are payloads. */
async function store(
  repository: Repository,
  subject: Descriptor,
  signatures: readonly Made[],
  how: 'tag' | 'referrer',
): Promise<void> {
  const layers: Descriptor[] = []
  for (const { payload, signature } of signatures) {
    const blob = {
      mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
      digest: sha256(payload),
      size: payload.length,
    }
    await repository.push(blob, Readable.from([payload]))
    const annotations = { 'dev.cosignproject.cosign/signature': signature.toString('base64') }
    layers.push({ ...blob, annotations })
  }
  const config = Buffer.from('{}')
  const configBlob = { mediaType: mediaTypes.ociConfig, digest: sha256(config), size: config.length }
  await repository.push(configBlob, Readable.from([config]))
  const raw = canonicalJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configBlob,
    layers,
    ...(how === 'referrer' && {
      artifactType: 'application/vnd.dev.cosign.artifact.sig.v1+json',
      subject,
    }),
  })
  const manifest = { mediaType: mediaTypes.ociManifest, digest: sha256(raw), size: raw.length }
  await repository.push(manifest, Readable.from([raw]))
  if (how === 'tag') await repository.tag(manifest, `sha256-${digestHex(subject.digest)}.sig`)
}

interface Signed {
  readonly image: RandomImage
  readonly repository: Repository
  /** As the user names it. */
  readonly name: string
  /** As a payload names it. */
  readonly identity: string
  readonly digest: Digest
}

async function newImage(): Promise<Signed> {
  seed += 1
  const image = randomImage({ seed })
  const path = `team/app-${seed}`
  const repository = client.openRepository({ registry: registry.host, repository: path })
  await pushImage(repository, image)
  await repository.tag(image.descriptor, 'v1')
  const identity = `${registry.host}/${path}`
  return { image, repository, name: `${identity}:v1`, identity, digest: image.descriptor.digest }
}

/** Pulls under a policy that wants our key; what was refused must have left nothing. */
async function pull(name: string, more: object = {}): Promise<void> {
  const rule = { signedBy: [join(folder, 'key.pub')], ...more }
  const policy = await parseSignaturePolicy(
    canonicalJson({ default: 'reject', prefixes: { [`${registry.host}/team`]: rule } }),
    '/policy.json',
  )
  await using target = await openTempStore()
  const parts = {
    store: target,
    open: async (reference: Parameters<RegistryClient['openRepository']>[0]) =>
      client.openRepository(reference),
    checkSignature: checkSignature.bind(undefined, policy),
  }
  try {
    await pullImage(parts, name)
  } catch (error) {
    assert.deepEqual(await Array.fromAsync(target.content.list()), [], 'something was taken')
    throw error
  }
  assert.equal(target.images.list().length, 1)
}
const refused = (message: RegExp): object => ({ code: 'SIGNATURE_REFUSED', message })

for (const how of ['tag', 'referrer'] as const) {
  suite(`signatures found as a ${how} (C-W10)`, () => {
    test('one by our key for this image: it is pulled', async () => {
      const { repository, image, digest, identity, name } = await newImage()
      await store(repository, image.descriptor, [made(payloadOf({ digest, name: identity }))], how)
      await pull(name)
      await pull(`${identity}@${digest}`)
    })

    test('among others that are worth nothing', async () => {
      const { repository, image, digest, identity, name } = await newImage()
      const right = payloadOf({ digest, name: identity })
      const signatures = [
        made(right, otherPair.privateKey),
        { payload: right, signature: Buffer.from('no DER') },
        made(Buffer.from('{')),
        made(right),
      ]
      await store(repository, image.descriptor, signatures, how)
      await pull(name)
    })

    test('another key, another digest, another repository, another kind, no JSON, a doubled key', async () => {
      const { repository, image, digest, identity, name } = await newImage()
      const right = payloadOf({ digest, name: identity })
      const doubled = right.toString().replace('"critical":', '"critical":{},"critical":')
      const cases: readonly (readonly [Made, string])[] = [
        [made(right, otherPair.privateKey), 'made with another key'],
        [{ payload: right, signature: Buffer.alloc(0) }, 'made with another key'],
        [
          { payload: right, signature: made(payloadOf({ digest, name: 'x' })).signature },
          'made with another key',
        ],
        [made(payloadOf({ digest: sha256('other'), name: identity })), 'for another digest'],
        [made(payloadOf({ digest, name: `${identity}-too` })), 'for another repository'],
        [made(payloadOf({ digest, name: 'not a name' })), 'for another repository'],
        [made(payloadOf({ digest, name: identity, type: 'atomic container signature' })), 'of another kind'],
        [made(Buffer.from('null')), 'of another kind'],
        [made(Buffer.from('{')), 'with a payload that is no JSON'],
        [made(Buffer.from(doubled)), 'with a payload that is no JSON'],
      ]
      for (const [one, reason] of cases) {
        await using fresh = await withSignatures(repository, image, [one], how)
        await assert.rejects(
          pull(fresh.name),
          refused(new RegExp(`is refused by /policy\\.json: none .*1 ${reason}`)),
        )
      }
      const all = cases.map(([one]) => one)
      await store(repository, image.descriptor, all, how)
      await assert.rejects(pull(name), refused(/3 made with another key/))
    })
  })
}

/** These signatures only, until it is disposed. */
async function withSignatures(
  from: Repository,
  image: RandomImage,
  signatures: readonly Made[],
  how: 'tag' | 'referrer',
): Promise<{ readonly name: string } & AsyncDisposable> {
  await store(from, image.descriptor, signatures, how)
  const { registry: host, repository } = from.reference
  const tag = `sha256-${digestHex(image.descriptor.digest)}${how === 'tag' ? '.sig' : ''}`
  return {
    name: `${host}/${repository}:v1`,
    async [Symbol.asyncDispose]() {
      await from.delete(await from.resolve(tag))
    },
  }
}

test('stripped: without a signature it is refused, and so is what no rule is about', async () => {
  const { name, image, repository } = await newImage()
  await assert.rejects(pull(name), refused(/it has no signature, and one by .*key\.pub is wanted/))
  await store(repository, image.descriptor, [], 'tag')
  await assert.rejects(pull(name), refused(/it has no signature/))
  const outside = client.openRepository({ registry: registry.host, repository: 'other/app' })
  await pushImage(outside, image)
  await outside.tag(image.descriptor, 'v1')
  await assert.rejects(pull(`${registry.host}/other/app:v1`), refused(/its prefix is rejected/))
})

test('copied with its signature from where it was signed: only when the policy knows that name', async () => {
  const { repository, image, digest, name } = await newImage()
  const signed = made(payloadOf({ digest, name: 'vendor.example.com/products/app' }))
  await store(repository, image.descriptor, [signed], 'tag')
  await assert.rejects(pull(name), refused(/1 for another repository/))
  await pull(name, { signedAs: 'vendor.example.com/products' })
  await assert.rejects(
    pull(name, { signedAs: 'vendor.example.com/prod' }),
    refused(/1 for another repository/),
  )
})

test('a policy that is not understood lets nothing through', async () => {
  const key = join(folder, 'key.pub')
  writeFileSync(join(folder, 'private.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey
  writeFileSync(join(folder, 'p384.pub'), pem(p384))
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{', /syntax error/],
    ['{"default":"accept","default":"reject"}', /doubled key/],
    ['{}', /lacks "default"/],
    ['{"default":"allow"}', /default: need "accept", "reject"/],
    ['{"default":"accept","prefixs":{}}', /did you mean "prefixes"/],
    ['{"default":"accept","prefixes":{"a//b":"reject"}}', /no prefix/],
    ['{"default":"accept","prefixes":{"*":{"signedBy":[]}}}', /names no key/],
    ['{"default":"accept","prefixes":{"*":{"signedBy":["rel.pub"]}}}', /absolute paths/],
    ['{"default":"accept","prefixes":{"*":{"signedBy":["/nowhere.pub"]}}}', /key \/nowhere\.pub: ENOENT/],
    [`{"default":"accept","prefixes":{"*":{"signedBy":["${folder}/private.pem"]}}}`, /holds a private key/],
    [`{"default":"accept","prefixes":{"*":{"signedBy":["${folder}/p384.pub"]}}}`, /on P-256/],
    [
      `{"default":"accept","prefixes":{"*":{"signedBy":["${key}"],"signedas":"x"}}}`,
      /did you mean "signedAs"/,
    ],
  ]
  for (const [text, message] of cases) {
    const parsing = parseSignaturePolicy(Buffer.from(text), '/p.json')
    await assert.rejects(parsing, { code: 'SIGNATURE_POLICY_INVALID', message }, text)
  }
  assert.equal(await readSignaturePolicy(['/nowhere/signatures.json']), undefined)
  const prefixes = { '*': 'reject', 'docker.io': 'accept', 'docker.io/library': 'reject' }
  const policy = await parseSignaturePolicy(canonicalJson({ default: 'accept', prefixes }), '/p.json')
  const rule = (host: string, repository: string): unknown => ruleFor(policy, { registry: host, repository })
  assert.deepEqual(
    [rule('quay.io', 'x'), rule('docker.io', 'team/x'), rule('docker.io', 'library/x')],
    ['reject', 'accept', 'reject'],
  )
})

test('the command: pull, run and build refuse, and say why', async () => {
  using mille = testMille()
  const { name } = await newImage()
  const config = join(mille.root, 'config')
  mkdirSync(config)
  const policy = {
    default: 'accept',
    prefixes: { [`${registry.host}/team`]: { signedBy: [join(folder, 'key.pub')] } },
  }
  writeFileSync(join(config, 'signatures.json'), JSON.stringify(policy))
  const { code, err } = mille.run(['pull', name])
  assert.equal(code, 1)
  assert.match(
    err,
    /team\/app-\d+@sha256:[0-9a-f]{64} is refused by .*config\/signatures\.json: it has no signature/,
  )
  assert.equal(mille.run(['run', '--rm', name, 'true']).code, 125)
  assert.match(mille.run(['build', '-'], { input: `FROM ${name}\nLABEL a=b` }).err, /it has no signature/)
  writeFileSync(join(config, 'signatures.json'), '{"default":"accept",}')
  assert.match(mille.run(['pull', name]).err, /signatures\.json: invalid JSON: syntax error at line 1/)
  assert.equal(mille.ok('images', '-aq'), '')
  writeFileSync(join(config, 'signatures.json'), '{"default":"accept"}')
  mille.ok('pull', '-q', name)
})

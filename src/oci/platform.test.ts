import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import type { Descriptor } from './descriptor.ts'
import { sha256 } from './digest.ts'
import type { Index } from './manifest.ts'
import { mediaTypes } from './media-types.ts'
import { choosePlatform, formatPlatform, hostPlatform, matchPlatform, parsePlatform } from './platform.ts'

const entry = (platform: string | undefined): Descriptor => {
  const [os = '', architecture = '', variant] = platform?.split('/') ?? []
  return {
    mediaType: mediaTypes.ociManifest,
    digest: sha256(String(platform)),
    size: 1,
    ...(platform && { platform: { os, architecture, ...(variant && { variant }) } }),
  }
}
const indexOf = (...platforms: (string | undefined)[]): Index => ({
  schemaVersion: 2,
  manifests: platforms.map(entry),
})

suite('parsePlatform', () => {
  const good: readonly (readonly [string, string])[] = [
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/arm64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['armhf', 'linux/arm/v7'],
    ['s390x', 'linux/s390x'],
    ['LINUX/AMD64', 'linux/amd64'],
  ]
  for (const [text, formatted] of good) {
    test(text, () => assert.equal(formatPlatform(parsePlatform(text)), formatted))
  }
  test('an operating system alone means this machine’s processor', () => {
    assert.equal(parsePlatform('windows').architecture, hostPlatform().architecture)
  })
  for (const text of ['', '/', 'linux/', 'foo', 'linux/amd64/v1/x', 'linux/am d64', '../x', 'linux/\x1b[m']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parsePlatform(text),
        (error: unknown) => isMilleError(error, 'PLATFORM_INVALID'),
      )
    })
  }
})

suite('matchPlatform', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm/v7', 'linux/arm/v6', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/amd64', 'linux/amd64/v3', false],
    ['linux/amd64/v3', 'linux/amd64', true],
    ['linux/amd64', 'windows/amd64', false],
    ['linux/amd64', 'linux/arm64', false],
  ]
  for (const [wanted, offered, expected] of cases) {
    test(`${wanted} runs ${offered}: ${expected}`, () => {
      assert.equal(matchPlatform(parsePlatform(wanted), parsePlatform(offered)), expected)
    })
  }
})

suite('choosePlatform', () => {
  const choose = (wanted: string, ...platforms: (string | undefined)[]): string | undefined => {
    const chosen = choosePlatform(indexOf(...platforms), parsePlatform(wanted))
    return chosen.platform && formatPlatform(chosen.platform)
  }
  test('the exact variant wins over an older one, wherever it stands', () => {
    assert.equal(choose('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v7', 'linux/arm/v6'), 'linux/arm/v7')
    assert.equal(choose('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6'), 'linux/arm/v6')
    assert.equal(choose('linux/arm64', 'linux/amd64', 'linux/arm64/v8'), 'linux/arm64/v8')
  })
  test('attestations are no images', () => {
    assert.equal(choose('linux/amd64', 'unknown/unknown', 'linux/amd64'), 'linux/amd64')
  })
  test('a single entry without a platform is taken', () => {
    assert.equal(choose('linux/amd64', undefined), undefined)
  })
  test('the error names what is wanted and what there is', () => {
    assert.throws(() => choose('linux/amd64', 'linux/arm64', 'windows/amd64'), {
      code: 'PLATFORM_NOT_FOUND',
      kind: 'not-found',
      message:
        'no matching manifest for linux/amd64 in the manifest list entries; it has linux/arm64, windows/amd64',
    })
  })
})

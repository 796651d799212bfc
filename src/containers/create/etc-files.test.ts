import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { writeEtcFiles } from './etc-files.ts'
import { readText } from '../../util/read-text.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-etc-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const request = { network: 'bridge', extraHosts: [], dns: [] } as const
const endpoints = { bridge: { ip: '172.30.0.5', gateway: '172.30.0.1' } }
const options = { hostname: 'web', endpoints, nameServer: undefined, request }

test('hosts holds the own address and extra hosts, host-gateway filled in', () => {
  writeEtcFiles(folder, {
    ...options,
    request: { ...request, extraHosts: ['db:10.0.0.7', 'host:host-gateway'], dns: ['9.9.9.9'] },
  })
  const hosts = readText(join(folder, 'hosts'))
  assert.match(hosts, /^127\.0\.0\.1\tlocalhost$/m)
  assert.match(hosts, /^10\.0\.0\.7\tdb$/m)
  assert.match(hosts, /^172\.30\.0\.1\thost$/m)
  assert.match(hosts, /^172\.30\.0\.5\tweb$/m)
  assert.equal(readText(join(folder, 'resolv.conf')), 'nameserver 9.9.9.9\n')
  assert.equal(readText(join(folder, 'hostname')), 'web\n')
})

test('an entry with a newline cannot add a line', () => {
  assert.throws(
    () =>
      writeEtcFiles(folder, { ...options, request: { ...request, extraHosts: ['a\n127.0.0.1 b:1.2.3.4'] } }),
    (error) => isMilleError(error, 'INVALID_ARGUMENT'),
  )
})

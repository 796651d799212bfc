import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { busyboxApi } from '../support/serve-api.ts'
import { startRegistry } from '../support/start-registry.ts'

const session = resolve(import.meta.dirname, '../support/docker-py-session.py')

test('docker-py on mille serve: containers, exec, files, images, builds, networks, volumes, events', async () => {
  await using registry = await startRegistry()
  await using served = await busyboxApi()
  // the Debian package belongs to the system's Python
  const { stdout } = await promisify(execFile)(
    '/usr/bin/python3',
    [session, registry.host, `mille-py-${process.pid}`],
    { env: { ...process.env, DOCKER_HOST: `unix://${served.api.socket}`, DOCKER_CONFIG: served.mille.root } },
  )
  assert.equal(stdout, 'all held\n')
})

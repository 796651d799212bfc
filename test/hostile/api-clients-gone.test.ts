import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request, type ClientRequest } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, describe, test } from 'node:test'
import { rawEntry } from '../support/raw-tar.ts'
import { busyboxApi, type BusyboxApi } from '../support/serve-api.ts'
import { until } from '../support/until.ts'

describe('clients that leave', () => {
  let served: BusyboxApi
  before(async () => {
    served = await busyboxApi()
  })
  after(() => served[Symbol.asyncDispose]())

  const open = (method: string, path: string): ClientRequest => {
    const outgoing = request({ socketPath: served.api.socket, method, path })
    // it is this side that breaks off
    outgoing.on('error', () => undefined)
    return outgoing
  }
  const create = async (...Cmd: string[]): Promise<string> => {
    const wish = { Image: 'busybox', Cmd, OpenStdin: true, HostConfig: { NetworkMode: 'none' } }
    const { body } = await served.api.call('POST', '/containers/create', wish)
    const { Id } = JSON.parse(body) as { Id: string }
    assert.equal((await served.api.call('POST', `/containers/${Id}/start`)).status, 204)
    return Id
  }

  test('a client that reads nothing holds up its own stream, and no other', async () => {
    const id = await create('sh', '-c', 'yes | head -c 8000000; cat')
    const slow = open('GET', `/containers/${id}/logs?follow=1&stdout=1`)
    slow.end()
    const [response] = await once(slow, 'response')
    await sleep(300)
    assert.equal((await served.api.call('GET', `/containers/${id}/json`)).status, 200)
    response.destroy()
    await served.api.call('DELETE', `/containers/${id}?force=1`)
  })

  test('more clients attach at once than a monitor keeps waiting: each has the output', async () => {
    const id = await create('sh', '-c', 'while :; do echo there; sleep 0.05; done')
    const { body } = await served.api.call('GET', `/containers/${id}/json`)
    const { State } = JSON.parse(body) as { State: { Pid: number } }
    const monitor = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${State.Pid}/status`, 'utf8'))?.[1])
    process.kill(monitor, 'SIGSTOP')
    const outputs = Array.from({ length: 40 }, async () => {
      const attaching = open('POST', `/containers/${id}/attach?stream=1&stdout=1`)
      attaching.end()
      const [response] = await once(attaching, 'response')
      const [first] = await once(response, 'data')
      response.destroy()
      return String(first).slice(8, 14)
    })
    await sleep(200)
    process.kill(monitor, 'SIGCONT')
    assert.deepEqual(new Set(await Promise.all(outputs)), new Set(['there\n']))
    await served.api.call('DELETE', `/containers/${id}?force=1`)
  })

  test('in the middle of a build end its step, in the middle of an archive the unpacking', async () => {
    const id = await create('sleep', '1000')
    const building = open('POST', '/build?t=never')
    building.setHeader('Content-Type', 'application/x-tar')
    const dockerfile = rawEntry({ name: 'Dockerfile' }, 'FROM busybox\nRUN echo begun; sleep 987654\n')
    building.end(Buffer.concat([dockerfile, Buffer.alloc(1024)]))
    const [response] = await once(building, 'response')
    for await (const chunk of response) if (String(chunk).includes('begun')) break
    building.destroy()
    const putting = open('PUT', `/containers/${id}/archive?path=/tmp`)
    putting.setHeader('Content-Type', 'application/x-tar')
    putting.write(rawEntry({ name: 'whole' }, 'content'))
    putting.write(rawEntry({ name: 'half', size: 1024 * 1024 }, 'begun'))
    await sleep(200)
    putting.destroy()
    await until(() => !runs('sleep\x00987654'))
    assert.equal((await served.api.call('GET', '/images/never/json')).status, 404)
    assert.equal((await served.api.call('GET', `/containers/${id}/json`)).status, 200)
    await served.api.call('DELETE', `/containers/${id}?force=1`)
  })
})

/** Is there a process whose command line has `words` in it? */
function runs(words: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readFileSync(join('/proc', pid, 'cmdline'), 'latin1').includes(words)
      } catch {
        return false
      }
    })
}

import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { readText } from '../../src/util/read-text.ts'
import { busyboxApi, type BusyboxApi } from '../support/serve-api.ts'
import { until } from '../support/until.ts'

// C-R11: what a client opens and leaves is given back, and what it does not read is held nowhere.

let here: BusyboxApi
before(async () => {
  here = await busyboxApi()
  here.mille.ok(
    'run',
    '-d',
    '-t',
    '--name',
    'box',
    '--network',
    'none',
    'busybox',
    'sh',
    '-c',
    'while :; do echo x; sleep 0.02; done',
  )
})
after(() => here[Symbol.asyncDispose]())

/** A request whose connection becomes a stream; resolves with it once the server has agreed. */
async function hijack(path: string, body = ''): Promise<Socket> {
  const socket = connect(here.api.socket)
  socket.on('error', () => {})
  const head = ['Host: x', 'Connection: Upgrade', 'Upgrade: tcp', 'Content-Type: application/json']
  socket.write(
    `POST ${path} HTTP/1.1\r\n${[...head, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`,
  )
  const answer = await new Promise<string>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  )
  assert.match(answer, /^HTTP\/1\.1 101 /)
  socket.pause()
  return socket
}

function openFiles(): number {
  const folder = `/proc/${here.api.pid}/fd`
  return readdirSync(folder).filter((name) => {
    try {
      return readlinkSync(`${folder}/${name}`) !== ''
    } catch {
      return false
    }
  }).length
}

const status = (name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readText(`/proc/${here.api.pid}/status`))?.[1])

async function createExec(command: readonly string[]): Promise<string> {
  const body = { AttachStdout: true, Cmd: command }
  return String(JSON.parse((await here.api.call('POST', '/containers/box/exec', body)).body).Id)
}

test('C-R11 clients that attach to nothing leave nothing behind', async () => {
  const attach = async (): Promise<void> => {
    const socket = await hijack('/containers/box/attach?stream=1')
    socket.destroy()
  }
  await attach()
  const [files, threads] = [openFiles(), status('Threads')]
  for (let round = 0; round < 30; round++) {
    await attach()
  }
  await until(
    () => openFiles() <= files && status('Threads') <= threads,
    () => `${openFiles()} files after ${files}, ${status('Threads')} threads after ${threads}`,
  )
})

test('C-R11 a flood of new sizes leaves nothing behind', async () => {
  const resize = (size: number): Promise<{ readonly status: number }> =>
    here.api.call('POST', `/containers/box/resize?h=${size}&w=${size}`)
  assert.equal((await resize(1)).status, 200)
  const files = openFiles()
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => resize(index + 1)))
    for (const answer of answers) assert.equal(answer.status, 200)
  }
  await until(
    () => openFiles() <= files,
    () => `${openFiles()} files after ${files}`,
  )
})

test('C-R11 output of exec that nobody reads is held back, and given up with its client', async () => {
  const id = await createExec(['sh', '-c', 'cat /dev/zero; echo ended > /ended'])
  const files = openFiles()
  const before = status('VmRSS')
  const socket = await hijack(`/exec/${id}/start`, JSON.stringify({ Detach: false, Tty: false }))
  const read = (): number => Number(/^rchar: (\d+)/m.exec(readText(`/proc/${here.api.pid}/io`))?.[1])
  // what flows until the pipes are full
  let last = -1
  await until(async () => {
    const now = read()
    const isStill = now - last < 1_000_000
    last = now
    await new Promise((resolve) => setTimeout(resolve, 200))
    return isStill
  })
  assert.ok(status('VmRSS') - before < 64 * 1024, `${status('VmRSS') - before} KiB more`)
  socket.destroy()
  await until(async () => JSON.parse((await here.api.call('GET', `/exec/${id}/json`)).body).Running === false)
  await until(
    () => openFiles() <= files,
    () => `${openFiles()} files after ${files}`,
  )
})

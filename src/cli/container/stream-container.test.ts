import assert from 'node:assert/strict'
import { PassThrough, type Readable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Attachment } from '../../containers/containers.ts'
import type { CommandIo } from '../command.ts'
import { streamContainer, type StreamOptions } from './stream-container.ts'

interface Terminal {
  readonly io: CommandIo
  readonly stdin: PassThrough
  readonly stdout: PassThrough & { columns: number; rows: number }
  readonly raw: boolean[]
}

function terminal(): Terminal {
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) })
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 })
  return { io: { stdin, stdout, stderr: new PassThrough() }, stdin, stdout, raw }
}

interface Container {
  readonly attachment: Attachment
  readonly events: string[]
  readonly output: PassThrough
}

function container(): Container {
  const events: string[] = []
  const output = new PassThrough()
  return {
    events,
    output,
    attachment: {
      write: (chunk) => Promise.resolve(void events.push(`write ${Buffer.from(chunk).toString()}`)),
      end: () => Promise.resolve(void events.push('end')),
      resize: (columns, rows) => Promise.resolve(void events.push(`resize ${columns}x${rows}`)),
      output: chunksOf(output),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  }
}

async function* chunksOf(source: Readable): AsyncGenerator<{ stream: 'stdout'; chunk: Buffer }> {
  for await (const chunk of source) yield { stream: 'stdout', chunk: chunk as Buffer }
}

const base = { tty: true, stdin: true, detachKeys: undefined }
const options = (more: Partial<StreamOptions> = {}): StreamOptions => ({
  ...base,
  signal: new AbortController().signal,
  ...more,
})

test('with a tty the terminal is raw until the container ends, and its size is handed on', async () => {
  const { io, stdin, stdout, raw } = terminal()
  const { attachment, events, output } = container()
  const running = streamContainer(attachment, io, options())
  stdin.write('ls\r')
  await turn()
  stdout.columns = 100
  stdout.emit('resize')
  await turn()
  assert.deepEqual(raw, [true])
  output.end('shown')
  assert.equal(await running, 'ended')
  assert.deepEqual(raw, [true, false])
  assert.deepEqual(events, ['resize 80x24', 'write ls\r', 'resize 100x24'])
  assert.equal(String(stdout.read()), 'shown')
})

test('the detach keys leave the container running', async () => {
  const { io, stdin, raw } = terminal()
  const { attachment, events } = container()
  const running = streamContainer(attachment, io, options())
  stdin.write('a\x10\x11')
  assert.equal(await running, 'detached')
  assert.deepEqual(raw, [true, false])
  assert.equal(events.includes('write a'), true)
  assert.equal(events.includes('end'), false)
})

test('without a tty the end of input is handed on, and the keys are only bytes', async () => {
  const { io, stdin, raw } = terminal()
  const { attachment, events, output } = container()
  const running = streamContainer(attachment, io, options({ tty: false }))
  stdin.end('\x10\x11')
  await turn()
  await turn()
  output.end()
  assert.equal(await running, 'ended')
  assert.deepEqual([events, raw], [['write \x10\x11', 'end'], []])
})

test('an abort gives the terminal back', async () => {
  const { io, raw } = terminal()
  const controller = new AbortController()
  const running = streamContainer(container().attachment, io, options({ signal: controller.signal }))
  controller.abort()
  await assert.rejects(running, { code: 'CANCELED' })
  assert.deepEqual(raw, [true, false])
})

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { copyOutput, frame } from './frames.ts'

async function* output(): AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }> {
  yield { stream: 'stdout', chunk: Buffer.from('out') }
  yield { stream: 'stderr', chunk: Buffer.from('bad') }
}

test('a frame is the stream, three zeros, the length in big endian, the bytes', () => {
  assert.deepEqual([...frame('stderr', Buffer.alloc(258, 7)).subarray(0, 9)], [2, 0, 0, 0, 0, 0, 1, 2, 7])
})

test('without a terminal output comes in frames, of the streams that were asked for', async () => {
  const client = new PassThrough()
  await copyOutput(output(), client, { tty: false, stdout: false, stderr: true })
  client.end()
  assert.deepEqual(await buffer(client), frame('stderr', Buffer.from('bad')))
})

test('a terminal has no frames', async () => {
  const client = new PassThrough()
  await copyOutput(output(), client, { tty: true, stdout: true, stderr: true })
  client.end()
  assert.equal((await buffer(client)).toString(), 'outbad')
})

test('a client that is gone ends the copying, one that is slow is waited for', async () => {
  const gone = new PassThrough()
  gone.destroy()
  await copyOutput(output(), gone, { tty: true, stdout: true, stderr: true })
  const slow = new PassThrough({ highWaterMark: 1 })
  let copied = false
  const work = copyOutput(output(), slow, { tty: true, stdout: true, stderr: true }).then(
    () => (copied = true),
  )
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(copied, false)
  slow.resume()
  await work
})

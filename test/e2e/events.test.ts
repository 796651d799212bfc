import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

const replay = (...args: string[]): string[] => {
  const past = ['events', '--since', '2000-01-01', '--until', '0s']
  return mille.ok(...past, ...args).split('\n')
}

interface Message {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

test("a container's life is replayed from its first event to its last, as Docker tells it", () => {
  mille.ok('run', '-d', '--name', 'long', '--label', 'team=a', 'busybox', 'sleep', '1000')
  mille.ok('pause', 'long')
  mille.ok('unpause', 'long')
  mille.ok('exec', 'long', 'sh', '-c', 'exit 0')
  mille.ok('rename', 'long', 'longer')
  mille.ok('stop', '-t', '0', 'longer')
  mille.ok('rm', 'longer')
  const events = replay('-f', 'type=container', '--format', 'json').map((line) => JSON.parse(line) as Message)
  const expected =
    'create, start, pause, unpause, exec_create: sh -c exit 0, exec_start: sh -c exit 0, exec_die, rename, kill, kill, die, stop, destroy'
  assert.equal(events.map(({ Action }) => Action).join(', '), expected)
  assert.equal(new Set(events.map(({ Actor }) => Actor.ID)).size, 1)
  for (const { Actor } of events) {
    assert.equal(Actor.Attributes['image'], 'busybox')
    assert.equal(Actor.Attributes['team'], 'a')
  }
  const of = (action: string): Readonly<Record<string, string>> =>
    events.find(({ Action }) => Action === action)?.Actor.Attributes ?? {}
  assert.equal(of('die')['exitCode'], '137')
  assert.equal(of('exec_die')['exitCode'], '0')
  assert.deepEqual([of('rename')['oldName'], of('rename')['name']], ['/long', 'longer'])
  assert.match(
    replay('-f', 'event=create', '-f', 'label=team=a')[0] ?? '',
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z container create [0-9a-f]{64} \(image=busybox, name=long, team=a\)$/,
  )
})

test('what ends with nobody watching, images, volumes and networks are told too', () => {
  mille.ok('run', '-d', '--rm', '--name', 'brief', '-v', 'files:/files', 'busybox', 'sh', '-c', 'exit 3')
  while (replay('-f', 'container=brief', '-f', 'event=destroy')[0] === '');
  mille.ok('volume', 'rm', 'files')
  mille.ok('tag', 'busybox', 'box:1')
  mille.ok('rmi', 'box:1')
  const lines = replay(
    '--format',
    '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}',
  )
  const about = (words: RegExp): string[] => lines.filter((line) => words.test(line))
  assert.deepEqual(about(/^container (die|destroy) brief/), [
    'container die brief 3',
    'container destroy brief <no value>',
  ])
  assert.deepEqual(
    replay('-f', 'volume=files', '--format', '{{.Action}}').join(' '),
    'create mount unmount destroy',
  )
  assert.deepEqual(
    replay('-f', 'type=network', '--format', '{{.Action}} {{.Actor.Attributes.name}}').slice(-2),
    ['connect bridge', 'disconnect bridge'],
  )
  assert.deepEqual(replay('-f', 'image=box:1', '--format', '{{.Action}} {{.Actor.Attributes.name}}'), [
    'tag box:1',
    'untag box:1',
  ])
})

test('a follower is told what other processes do as they do it, until it is interrupted', async () => {
  const child = mille.start('events', '-f', 'type=volume', '--format', '{{.Action}} {{.Actor.ID}}')
  const ended = once(child, 'exit')
  const lines = createInterface(child.stdout as Readable)[Symbol.asyncIterator]()
  // it follows from some moment on: ask until it answers
  const first = lines.next()
  for (let count = 0; (await Promise.race([first, sleep(20)])) === undefined; count++) {
    mille.ok('volume', 'create', `try${count}`)
  }
  mille.ok('volume', 'create', 'last')
  let line = String((await first).value)
  while (line !== 'create last') line = String((await lines.next()).value)
  child.kill('SIGINT')
  assert.deepEqual(await ended, [130, null])
})

test('a filter that there is not is refused with those there are', () => {
  const { code, err } = mille.run(['events', '-f', 'colour=red'])
  assert.equal(code, 1)
  assert.match(err, /invalid filter 'colour': there are config, container, daemon, event, /)
})

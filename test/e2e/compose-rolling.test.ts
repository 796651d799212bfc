import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { after, before, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { type ComposeProject, composeProject } from '../support/compose-project.ts'
import { type TestMille, testMille } from '../support/mille.ts'

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

/** The delay is for answers that are on their way: longer than a busy machine needs. */
const file = (word: string, check: string, ports = '["127.0.0.1::80"]'): string => `
services:
  web:
    image: busybox
    command: sh -c 'mkdir /w; echo ${word} > /w/index.html; exec httpd -f -p 80 -h /w'
    stop_signal: SIGKILL
    ports: ${ports}
    healthcheck: { test: "${check}", interval: 50ms, retries: 20 }
    deploy: { update_config: { delay: 4s } }
  client: { image: busybox, command: sleep 1000, stop_signal: SIGKILL }
`
const healthy = 'wget -qO- http://127.0.0.1/'

/** A page by a connection of its own. */
async function page(url: string): Promise<string> {
  const request = get(url, { agent: false })
  const [response] = await once(request, 'response')
  return (await text(response)).trim()
}

/** Asks without a pause until it is stopped; what was answered, one of a kind, in order. */
function poll(url: string): { stop(): Promise<string[]> } {
  const stopping = new AbortController()
  const answers = (async () => {
    const found: string[] = []
    while (!stopping.signal.aborted) {
      const answer = await page(url).catch((error: unknown) => String(error))
      if (found.at(-1) !== answer) found.push(answer)
    }
    return found
  })()
  return {
    stop: () => {
      stopping.abort()
      return answers
    },
  }
}

/** As the project's own `run`, but this process goes on meanwhile. */
async function inBackground(
  project: ComposeProject,
  ...args: readonly string[]
): Promise<{ code: number; err: string }> {
  const child = mille.start(
    'compose',
    '-p',
    project.name,
    '--project-directory',
    project.folder,
    '-f',
    `${project.folder}/compose.yaml`,
    ...args,
  )
  const err = child.stderr === null ? '' : text(child.stderr)
  const [code] = (await once(child, 'close')) as [number]
  return { code, err: await err }
}

test('compose up --rolling: a client that asks all the time sees the old page, then the new one, and no failure', async () => {
  using project = composeProject(mille, file('one', healthy))
  project.ok('up', '-d', '--wait')
  const port = project.ok('port', 'web', '80').split(':')[1] ?? ''
  const fixed = `["127.0.0.1:${port}:80"]`
  const url = `http://127.0.0.1:${port}/`
  // the port that it has is from now on the one that the file asks for
  project.write('compose.yaml', file('one', healthy, fixed))
  project.ok('up', '-d', '--wait')
  // the name server reads a new list by opening its sockets anew: a question in between has no answer, from anybody
  const script =
    "while [ ! -e /stop ]; do wget -qO- http://web/ 2>/e || grep -q 'bad address' /e || cat /e; done > /answers"
  mille.ok('exec', '-d', `${project.name}-client-1`, 'sh', '-c', script)
  const polling = poll(url)
  project.write('compose.yaml', file('two', healthy, fixed))
  const { code, err } = await inBackground(project, 'up', '-d', '--rolling')
  const answers = await polling.stop()
  assert.equal(code, 0, err)
  // the last question may still wait for an answer from the name server
  while (!mille.ok('exec', `${project.name}-client-1`, 'tail', '-n1', '/answers').includes('two'));
  mille.ok('exec', `${project.name}-client-1`, 'touch', '/stop')
  assert.deepEqual(answers, ['one', 'two'])
  const inside = mille.ok('exec', `${project.name}-client-1`, 'uniq', '/answers').split('\n')
  assert.deepEqual([...new Set(inside)], ['one', 'two'])
  assert.deepEqual(project.states(), ['client-1 running', 'web-2 running'])
  assert.equal(project.ok('port', '--index', '2', 'web', '80'), `127.0.0.1:${port}`)
  // it has the port for good
  mille.ok('restart', '-t', '0', `${project.name}-web-2`)
  project.ok('up', '-d', '--wait')
  assert.equal(await page(url), 'two')
  assert.deepEqual(project.states(), ['client-1 running', 'web-2 running'])
})

test('compose up --rolling: one that does not become healthy is removed; the old one was never gone; the code is 1', async () => {
  using project = composeProject(mille, file('one', healthy))
  project.ok('up', '-d', '--wait')
  const url = `http://${project.ok('port', 'web', '80')}/`
  const polling = poll(url)
  project.write('compose.yaml', file('two', 'exit 1'))
  const { code, err } = await inBackground(project, 'up', '-d', '--rolling')
  assert.deepEqual(await polling.stop(), ['one'])
  assert.equal(code, 1)
  assert.match(
    err,
    /rolling update of .*-web-1 failed, it goes on as it is: container .*-web-2 is unhealthy$/m,
  )
  assert.deepEqual(project.states(), ['client-1 running', 'web-1 running'])
})

test('compose up --rolling: what only one container can have is refused, and nothing is touched', () => {
  const named = (word: string): string =>
    `services: { web: { image: busybox, command: sleep 1000, stop_signal: SIGKILL, network_mode: none, container_name: only-${word}, environment: [A=${word}] } }`
  using project = composeProject(mille, named('x'))
  project.ok('up', '-d')
  project.write('compose.yaml', named('x').replace('A=x', 'A=y'))
  const { code, err } = project.run('up', '-d', '--rolling')
  assert.equal(code, 1)
  assert.match(err, /^services\.web\.container_name can belong to one container only/m)
  assert.equal(mille.ok('exec', 'only-x', 'sh', '-c', 'echo $A'), 'x')
})

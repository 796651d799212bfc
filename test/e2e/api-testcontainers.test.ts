import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import type * as Testcontainers from 'testcontainers'
import { busyboxApi, type BusyboxApi } from '../support/serve-api.ts'

const httpd = [
  'sh',
  '-c',
  'echo served > /tmp/index.html; echo ready to serve; exec httpd -f -p 8080 -h /tmp',
]

describe('testcontainers-node on mille serve', () => {
  let served: BusyboxApi
  let library: typeof Testcontainers
  before(async () => {
    served = await busyboxApi()
    process.env['DOCKER_HOST'] = `unix://${served.api.socket}`
    process.env['DOCKER_CONFIG'] = join(served.mille.root, 'docker')
    // its reaper is an image of the Hub
    process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true'
    library = await import('testcontainers')
  })
  after(() => served[Symbol.asyncDispose]())

  const fetchFrom = async (container: Testcontainers.StartedTestContainer): Promise<string> => {
    const response = await fetch(`http://${container.getHost()}:${container.getMappedPort(8080)}/`)
    return await response.text()
  }

  test('waits for a port, a line of the log, an answer over HTTP, a health check, a command', async () => {
    const { GenericContainer, Wait } = library
    const strategies = {
      port: Wait.forListeningPorts(),
      log: Wait.forLogMessage(/ready to serve/),
      http: Wait.forHttp('/', 8080).forStatusCode(200),
      health: Wait.forHealthCheck(),
      command: Wait.forSuccessfulCommand('wget -qO- http://127.0.0.1:8080/'),
      all: Wait.forAll([Wait.forListeningPorts(), Wait.forLogMessage('ready to serve')]),
    }
    for (const [name, strategy] of Object.entries(strategies)) {
      await using container = await new GenericContainer('busybox')
        .withCommand(httpd)
        .withExposedPorts(8080)
        .withHealthCheck({
          test: ['CMD-SHELL', 'wget -qO- http://127.0.0.1:8080/'],
          interval: 100,
          timeout: 5000,
          retries: 100,
        })
        .withWaitStrategy(strategy)
        .start()
      if (name !== 'log') assert.equal(await fetchFrom(container), 'served\n', name)
    }
    const job = await new GenericContainer('busybox')
      .withCommand(['true'])
      .withWaitStrategy(Wait.forOneShotStartup())
      .start()
    await job.stop()
    assert.equal(served.mille.ok('ps', '-aq'), '')
  })

  test('exec, logs, files in and out, labels, environment, restart, limits', async () => {
    const { GenericContainer } = library
    const folder = join(served.mille.root, 'given')
    mkdirSync(folder)
    writeFileSync(join(folder, 'file'), 'from a folder\n')
    await using container = await new GenericContainer('busybox')
      .withCommand(['sh', '-c', 'echo started as $ROLE; exec sleep 1000'])
      .withEnvironment({ ROLE: 'worker' })
      .withLabels({ own: 'label' })
      .withUser('0:0')
      .withWorkingDir('/tmp')
      .withTmpFs({ '/scratch': 'rw,size=1m' })
      .withBindMounts([{ source: folder, target: '/bound', mode: 'ro' }])
      .withResourcesQuota({ memory: 0.1, cpu: 0.5 })
      .withUlimits({ nofile: { hard: 2048, soft: 1024 } })
      .withCopyContentToContainer([{ content: 'copied content\n', target: '/copied', mode: 0o640 }])
      .withCopyDirectoriesToContainer([{ source: folder, target: '/folder' }])
      .withCopyFilesToContainer([{ source: join(folder, 'file'), target: '/deep/er/file' }])
      .start()
    const said = await container.exec([
      'sh',
      '-c',
      'cat /copied /folder/file /deep/er/file /bound/file; pwd; ulimit -n',
    ])
    assert.deepEqual(said, {
      exitCode: 0,
      output: 'copied content\nfrom a folder\nfrom a folder\nfrom a folder\n/tmp\n1024\n',
      stdout: 'copied content\nfrom a folder\nfrom a folder\nfrom a folder\n/tmp\n1024\n',
      stderr: '',
    })
    const failed = await container.exec(['sh', '-c', 'echo $A >&2; exit 3'], {
      env: { A: 'b' },
      workingDir: '/',
    })
    assert.deepEqual([failed.exitCode, failed.stderr], [3, 'b\n'])
    const tar = await text(await container.copyArchiveFromContainer('/copied'))
    assert.match(tar, /copied content/)
    await container.copyContentToContainer([{ content: 'later\n', target: '/later' }])
    assert.equal((await container.exec(['cat', '/later'])).output, 'later\n')
    await container.restart({ timeout: 0 })
    const logs = await container.logs()
    const [line] = (await once(logs, 'data')) as [string]
    logs.destroy()
    assert.match(line, /started as worker/)
    assert.equal(container.getLabels()['own'], 'label')
    const stopped = await container.stop({ remove: false, timeout: 0 })
    assert.match(await text(await stopped.copyArchiveFromContainer('/later')), /later/)
    served.mille.ok('rm', '-f', container.getId())
  })

  test('containers find each other by alias in a network of their own', async () => {
    const { GenericContainer, Network, Wait } = library
    await using network = await new Network().start()
    await using server = await new GenericContainer('busybox')
      .withCommand(httpd)
      .withNetwork(network)
      .withNetworkAliases('web')
      .withExposedPorts(8080)
      .start()
    await using client = await new GenericContainer('busybox')
      .withCommand(['sh', '-c', 'wget -qO- http://web:8080/; echo asked; exec sleep 1000'])
      .withNetwork(network)
      .withExtraHosts([{ host: 'given.example', ipAddress: '10.9.8.7' }])
      .withWaitStrategy(Wait.forLogMessage('asked'))
      .start()
    assert.match((await client.exec(['wget', '-qO-', 'http://web:8080/'])).output, /served/)
    assert.match((await client.exec(['cat', '/etc/hosts'])).output, /10\.9\.8\.7\s+given\.example/)
    assert.match(server.getIpAddress(network.getName()), /^\d+\.\d+\.\d+\.\d+$/)
  })

  test('an image is built from a Dockerfile, run, committed and reused', async () => {
    const { GenericContainer, Wait } = library
    const folder = join(served.mille.root, 'build')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM busybox\nARG WHO\nENV WHO=$WHO\nCOPY data /\nCMD cat /data; echo for $WHO; sleep 1000\n',
    )
    writeFileSync(join(folder, 'data'), 'built in\n')
    const built = await GenericContainer.fromDockerfile(folder).withBuildArgs({ WHO: 'you' }).build()
    await using container = await built.withWaitStrategy(Wait.forLogMessage('for you')).start()
    await container.exec(['sh', '-c', 'echo changed > /data'])
    const id = await container.commit({ repo: 'kept', tag: 'tc', deleteOnExit: false })
    assert.match(id, /^sha256:/)
    const again = await new GenericContainer('kept:tc')
      .withWaitStrategy(Wait.forLogMessage('changed'))
      .withReuse()
      .start()
    const same = await new GenericContainer('kept:tc')
      .withWaitStrategy(Wait.forLogMessage('changed'))
      .withReuse()
      .start()
    assert.equal(same.getId(), again.getId())
    await again.stop()
    await assert.rejects(
      new GenericContainer('kept:tc')
        .withWaitStrategy(Wait.forLogMessage('never said'))
        .withStartupTimeout(500)
        .start(),
      /not received after 500ms/,
    )
  })
})

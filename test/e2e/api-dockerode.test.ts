import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, type Duplex, type Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Docker from 'dockerode'
import { rawEntry } from '../support/raw-tar.ts'
import { busyboxApi, type BusyboxApi } from '../support/serve-api.ts'
import { startRegistry } from '../support/start-registry.ts'

type Line = Readonly<Record<string, unknown>>

describe('dockerode on mille serve', () => {
  let served: BusyboxApi
  let docker: Docker
  before(async () => {
    served = await busyboxApi()
    docker = new Docker({ socketPath: served.api.socket })
  })
  after(() => served[Symbol.asyncDispose]())

  const create = (
    cmd: string[],
    more: Partial<Docker.ContainerCreateOptions> = {},
  ): Promise<Docker.Container> =>
    docker.createContainer({
      Image: 'busybox',
      Cmd: cmd,
      ...more,
      HostConfig: { NetworkMode: 'none', ...more.HostConfig },
    })
  const split = (
    stream: NodeJS.ReadableStream,
  ): { readonly out: Promise<string>; readonly err: Promise<string> } => {
    const [out, err] = [new PassThrough(), new PassThrough()]
    docker.modem.demuxStream(stream, out, err)
    stream.on('end', () => out.end() && err.end())
    return { out: text(out), err: text(err) }
  }
  const lines = (stream: NodeJS.ReadableStream): Promise<Line[]> =>
    new Promise((resolve, reject) =>
      docker.modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all as Line[]))),
    )

  test('the engine tells who it is', async () => {
    assert.equal(String(await docker.ping()), 'OK')
    const [version, info] = [await docker.version(), await docker.info()]
    assert.equal(version.ApiVersion, '1.51')
    assert.equal(info.ServerVersion, version.Version)
    assert.equal(info.DockerRootDir, served.mille.root)
  })

  test('run gives output and exit code apart, and removes what it made', async () => {
    const [out, err] = [new PassThrough(), new PassThrough()]
    const texts = [text(out), text(err)]
    const command = ['sh', '-c', 'echo to out; echo to err >&2; exit 4']
    const options = { Tty: false, HostConfig: { NetworkMode: 'none', AutoRemove: true } }
    const [result] = (await docker.run('busybox', command, [out, err], options)) as [{ StatusCode: number }]
    out.end()
    err.end()
    assert.deepEqual([result.StatusCode, ...(await Promise.all(texts))], [4, 'to out\n', 'to err\n'])
    assert.deepEqual(await docker.listContainers({ all: true }), [])
  })

  test('the code of one that went by itself is told for a while', async () => {
    const container = await create(['sh', '-c', 'exit 6'], { HostConfig: { AutoRemove: true } })
    await container.start()
    while (await container.inspect().then(Boolean, () => false)) await sleep(10)
    assert.deepEqual(await container.wait(), { StatusCode: 6 })
    await assert.rejects(docker.getContainer('f'.repeat(64)).wait(), { statusCode: 404 })
  })

  test('attach before the start: input goes in, its end ends the process, wait tells the code', async () => {
    const container = await create(['sh', '-c', 'cat; exit 7'], {
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
    })
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    })
    const { out } = split(stream)
    const waited = container.wait({ condition: 'next-exit' })
    await container.start()
    stream.end('through and back\n')
    assert.equal(await out, 'through and back\n')
    assert.deepEqual(await waited, { StatusCode: 7 })
    await container.remove()
  })

  test('a terminal: raw streams, resize, detach keys', async () => {
    const container = await create(['sh'], { Tty: true, OpenStdin: true, AttachStdin: true })
    const options = { stream: true, stdin: true, stdout: true, hijack: true, detachKeys: 'ctrl-x' }
    const stream = (await container.attach(options)) as Duplex
    await container.start()
    await container.resize({ w: 97, h: 31 })
    const seen = readUntil(stream, '31 97')
    stream.write('stty size\n')
    await seen
    const ended = once(stream, 'end')
    stream.write('\x18')
    stream.resume()
    await ended
    assert.equal((await container.inspect()).State.Running, true)
    await assert.rejects(container.attach({ ...options, detachKeys: 'ctrl-x,none' }), { statusCode: 400 })
    await container.remove({ force: true })
  })

  test('exec with input, its code, and one that is left alone', async () => {
    const container = await create(['sleep', '1000'])
    await container.start()
    const exec = await container.exec({
      Cmd: ['sh', '-c', 'cat; echo "$A in $PWD" >&2; exit 5'],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Env: ['A=b'],
      WorkingDir: '/tmp',
    })
    const stream = await exec.start({ hijack: true, stdin: true })
    const { out, err } = split(stream)
    stream.end('typed\n')
    assert.deepEqual([await out, await err], ['typed\n', 'b in /tmp\n'])
    const { ExitCode, Running, ProcessConfig } = await exec.inspect()
    assert.deepEqual([ExitCode, Running, ProcessConfig.entrypoint], [5, false, 'sh'])
    const detached = await container.exec({ Cmd: ['touch', '/left'] })
    await detached.start({ Detach: true })
    const terminal = await container.exec({
      Cmd: ['cat'],
      Tty: true,
      AttachStdin: true,
      AttachStdout: true,
      DetachKeys: 'ctrl-x',
    })
    const typing = await terminal.start({ hijack: true, stdin: true, Tty: true })
    const left = once(typing, 'end')
    typing.resume()
    typing.write('\x18')
    await left
    assert.equal((await terminal.inspect()).Running, true)
    await container.remove({ force: true })
  })

  test('logs come at once or as they are written; stats and top while it runs', async () => {
    const container = await create([
      'sh',
      '-c',
      'echo one; echo two >&2; until [ -e /go ]; do sleep 0.05; done; echo three',
    ])
    await container.start()
    const follow = split(await container.logs({ follow: true, stdout: true, stderr: true }))
    const stats = await container.stats({ stream: false })
    assert.ok(stats.memory_stats.usage > 0 && stats.cpu_stats.online_cpus > 0)
    const streamed = (await container.stats({ stream: true })) as unknown as Readable
    const [first] = (await once(streamed, 'data')) as [Buffer]
    assert.equal(JSON.parse(first.toString()).id, container.id)
    streamed.destroy()
    assert.match(JSON.stringify(await container.top()), /until/)
    await container.putArchive(rawEntry({ name: 'go' }, ''), { path: '/' })
    assert.deepEqual([await follow.out, await follow.err], ['one\nthree\n', 'two\n'])
    await container.wait()
    const all = await container.logs({ stdout: true, stderr: false, timestamps: true, tail: 1 })
    assert.match(all.subarray(8).toString(), /^\d{4}-\d\d-\d\dT[\d:.]+Z three\n$/)
    await container.remove()
  })

  test('files go in and come out as tars, changes and export show them', async () => {
    const container = await create(['true'])
    await container.putArchive(rawEntry({ name: 'given' }, 'content'), { path: '/tmp' })
    assert.match(
      (await buffer(await container.getArchive({ path: '/tmp/given' }))).toString(),
      /^given\0[^]*content/,
    )
    assert.deepEqual(await container.changes(), [
      { Path: '/tmp', Kind: 0 },
      { Path: '/tmp/given', Kind: 1 },
    ])
    assert.ok((await buffer(await container.export())).includes('tmp/given'))
    await assert.rejects(container.getArchive({ path: '/none' }), { statusCode: 404 })
    const { Id } = (await container.commit({
      repo: 'kept',
      tag: '1',
      changes: 'CMD ["cat", "/tmp/given"]',
    })) as { Id: string }
    assert.equal((await docker.getImage('kept:1').inspect()).Id, Id)
    await container.remove()
  })

  test('a container is paused, renamed, updated, restarted, killed and listed by label', async () => {
    const container = await create(['sleep', '1000'], { name: 'first', Labels: { own: 'yes' } })
    await container.start()
    await assert.rejects(create(['true'], { name: 'first' }), { statusCode: 409 })
    await container.pause()
    assert.equal((await container.inspect()).State.Status, 'paused')
    await container.unpause()
    await container.rename({ name: 'second' })
    await container.update({ Memory: 64 * 1024 * 1024, MemorySwap: 64 * 1024 * 1024 })
    await container.restart({ t: 0 })
    const [row] = await docker.listContainers({ filters: { label: ['own=yes'], status: ['running'] } })
    assert.deepEqual([row?.Names, row?.State], [['/second'], 'running'])
    assert.equal((await container.inspect()).HostConfig.Memory, 64 * 1024 * 1024)
    await container.kill({ signal: 'SIGKILL' })
    assert.deepEqual(await container.wait(), { StatusCode: 137 })
    await assert.rejects(container.kill(), { statusCode: 409 })
    const { ContainersDeleted } = await docker.pruneContainers({ filters: { label: ['own=yes'] } })
    assert.deepEqual(ContainersDeleted, [container.id])
  })

  test('build from files and from a tar, with its progress and its mistakes', async () => {
    const folder = join(served.mille.root, 'context')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'Dockerfile'),
      'FROM busybox\nARG A\nCOPY file /\nRUN echo "a is $A" && cat /file\n',
    )
    writeFileSync(join(folder, 'file'), 'from the context\n')
    const options = { t: 'built:1', buildargs: { A: 'b' }, labels: { l: 'm' } }
    const told = await lines(
      await docker.buildImage({ context: folder, src: ['Dockerfile', 'file'] }, options),
    )
    const all = told.map((line) => line['stream'] ?? '').join('')
    assert.match(all, /a is b\nfrom the context\n/)
    assert.match(all, /Successfully tagged built:1\n$/)
    const { Id, Config } = await docker.getImage('built:1').inspect()
    assert.deepEqual(
      [Config.Labels, told.some((line) => (line['aux'] as { ID?: string })?.ID === Id)],
      [{ l: 'm' }, true],
    )
    const wrong = rawEntry({ name: 'Dockerfile' }, 'FROM busybox\nRUN exit 9\n')
    const failed = await docker.buildImage(
      Buffer.concat([wrong, Buffer.alloc(1024)]) as unknown as NodeJS.ReadableStream,
    )
    assert.match(String((await lines(failed)).at(-1)?.['error']), /returned a non-zero code: 9/)
  })

  test('images are pushed to a registry, pulled, saved, loaded, tagged, removed and pruned', async () => {
    await using registry = await startRegistry()
    const repo = `${registry.host}/team/app`
    await docker.getImage('busybox').tag({ repo, tag: 'one' })
    const pushed = await lines(await docker.getImage(`${repo}:one`).push())
    assert.ok(pushed.some(({ aux }) => (aux as { Digest?: string })?.Digest?.startsWith('sha256:')))
    await docker.getImage(`${repo}:one`).remove()
    const pulled = await lines(await docker.pull(`${repo}:one`))
    assert.match(String(pulled.at(-1)?.['status']), /^Status: .* for .*\/team\/app:one$/)
    const seen = await docker.getImage(`${repo}:one`).distribution()
    assert.match(seen.Descriptor.digest, /^sha256:/)
    await assert.rejects(docker.pull(`${repo}:none`).then(lines), /not found|manifest unknown/)
    const saved = await buffer(await docker.getImage(`${repo}:one`).get())
    await docker.getImage(`${repo}:one`).remove()
    const loaded = await lines(await docker.loadImage(saved as unknown as NodeJS.ReadableStream))
    assert.match(String(loaded.at(-1)?.['stream']), new RegExp(`^Loaded image: ${repo}:one\n$`))
    assert.ok((await docker.getImage(`${repo}:one`).history()).length > 0)
    await docker.getImage(`${repo}:one`).remove()
    const container = await create(['true'])
    const { Id } = (await container.commit()) as { Id: string }
    await container.remove()
    const { ImagesDeleted } = await docker.pruneImages({ filters: { dangling: ['true'] } })
    assert.ok(ImagesDeleted.some(({ Deleted }) => Deleted === Id))
  })

  test('volumes and networks: made, listed, used, removed', async () => {
    const name = `mille-dockerode-${process.pid}`
    await docker.createVolume({ Name: name, Labels: { a: 'b' } })
    const network = await docker.createNetwork({ Name: name, Labels: { a: 'b' }, CheckDuplicate: true })
    try {
      const container = await create(['sleep', '1000'], {
        HostConfig: { NetworkMode: name, Mounts: [{ Type: 'volume', Source: name, Target: '/data' }] },
        NetworkingConfig: { EndpointsConfig: { [name]: { Aliases: ['other'] } } },
      })
      await container.start()
      const { NetworkSettings, Mounts } = await container.inspect()
      assert.deepEqual(
        [Mounts[0]?.Name, NetworkSettings.Networks[name]?.Aliases?.includes('other')],
        [name, true],
      )
      await assert.rejects(docker.getVolume(name).remove(), { statusCode: 409 })
      await network.disconnect({ Container: container.id })
      await network.connect({ Container: container.id })
      const { Containers } = await network.inspect()
      assert.deepEqual(Object.keys(Containers ?? {}), [container.id])
      await container.remove({ force: true })
      const { Volumes } = await docker.listVolumes({ filters: { label: ['a=b'] } })
      assert.deepEqual(
        Volumes.map((one) => one.Name),
        [name],
      )
      const networks = await docker.listNetworks({ filters: { label: ['a=b'] } })
      assert.deepEqual(
        networks.map((one) => one.Id),
        [network.id],
      )
    } finally {
      await network.remove()
      await docker.getVolume(name).remove()
    }
    assert.deepEqual((await docker.pruneVolumes()).VolumesDeleted ?? [], [])
    assert.ok((await docker.df()).LayersSize > 0)
  })

  test('events are heard as they happen, and again afterwards', async () => {
    const since = Math.floor(Date.now() / 1000)
    const stream = (await docker.getEvents({
      filters: { type: ['container'], label: ['heard=yes'] },
    })) as Readable
    const seen = readUntil(stream, '"destroy"')
    const container = await create(['true'], { Labels: { heard: 'yes' } })
    await container.start()
    await container.wait()
    await container.remove()
    const actions = (all: string): string[] =>
      all
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).Action)
    const live = actions(await seen)
    stream.destroy()
    assert.deepEqual(live, ['create', 'start', 'die', 'destroy'])
    const until = Math.ceil(Date.now() / 1000) + 1
    const again = await docker.getEvents({ since, until, filters: { container: [container.id] } })
    assert.deepEqual(actions(await text(again)), live)
  })
})

/** What a stream brings, until `wanted` is in it. */
async function readUntil(stream: Readable, wanted: string): Promise<string> {
  let all = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    all += String(chunk)
    if (all.includes(wanted)) return all
  }
  throw new Error(`ended before ${wanted}: ${all}`)
}

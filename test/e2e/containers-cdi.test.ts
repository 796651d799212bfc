import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille
const top = mkdtempSync(join(tmpdir(), 'mille-cdi-'))
const vendor = `mille${process.pid}.example`
const descriptions = '/var/run/cdi'
const file = join(descriptions, `${vendor}.yaml`)

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  mkdirSync(descriptions, { recursive: true })
  writeFileSync(join(top, 'library'), 'code')
  const hook = ['sh', '-c', `cat > ${top}/hook-ran`]
  writeFileSync(
    file,
    `cdiVersion: 0.6.0
kind: ${vendor}/gpu
containerEdits:
  env: [ALL=yes]
devices:
  - name: one
    containerEdits:
      env: [ONE=yes]
      deviceNodes:
        - {path: /dev/gpu1, hostPath: /dev/zero, permissions: r}
      mounts:
        - {hostPath: ${top}/library, containerPath: /lib/gpu, options: [ro, nosuid, bind]}
      additionalGids: [4242]
      hooks:
        - {hookName: createRuntime, path: /bin/sh, args: ${JSON.stringify(hook)}}
  - name: two
    containerEdits:
      env: [TWO=yes]
`,
  )
})
after(() => {
  rmSync(file)
  mille[Symbol.dispose]()
  rmSync(top, { recursive: true })
})

test('a device that the machine describes is there with all that it wants', () => {
  const look =
    'echo $ALL $ONE $TWO; head -c 2 /dev/gpu1 | od -An -tx1; cat /lib/gpu; id -G; echo x > /lib/gpu'
  const flags = ['--device', `${vendor}/gpu=one`, '--device', `${vendor}/gpu=two`]
  const { out, err } = mille.run(['run', '--name', 'user', ...flags, 'busybox', 'sh', '-c', look])
  const lines = out.split('\n')
  assert.equal(lines[0], 'yes yes yes')
  assert.equal(lines[1]?.trim(), '00 00')
  assert.match(lines[2] ?? '', /^code.*4242/)
  assert.match(err, /\/lib\/gpu: Read-only file system/)
  // the hook is given the container's state
  const id = mille.ok('inspect', '-f', '{{.Id}}', 'user')
  assert.ok(readFileSync(join(top, 'hook-ran'), 'utf8').includes(id))
  assert.equal(
    mille.ok('inspect', '-f', '{{json .HostConfig.DeviceRequests}}', 'user'),
    JSON.stringify([{ Driver: 'cdi', DeviceIDs: [`${vendor}/gpu=one`, `${vendor}/gpu=two`] }]),
  )
})

test('a device that nobody described, and a description that cannot be read, are said', () => {
  const run = (name: string): string => mille.run(['run', '--rm', '--device', name, 'busybox', 'true']).err
  assert.match(
    run(`${vendor}/gpu=three`),
    new RegExp(`CDI device injection failed: unresolvable CDI devices ${vendor}/gpu=three`),
  )
  const broken = join(descriptions, `${vendor}-broken.json`)
  writeFileSync(broken, '{"kind": [')
  try {
    assert.equal(run(`${vendor}/gpu=two`), '')
    const said = new RegExp(`the description of devices in ${broken} cannot be read`)
    assert.match(run(`${vendor}/gpu=three`), said)
  } finally {
    rmSync(broken)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import { commandLine, mergeConfig } from './merge-config.ts'

const request: ContainerRequest = {
  image: 'x',
  env: [],
  tty: false,
  openStdin: false,
  labels: {},
  mounts: [],
  network: 'bridge',
  ports: [],
  publishAll: false,
  extraHosts: [],
  dns: [],
  readonlyRootfs: false,
  init: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
  ulimits: [],
  securityOptions: [],
  autoRemove: false,
  logDriver: 'json-file',
  logOptions: {},
}
const argv = (
  image: Parameters<typeof mergeConfig>[0],
  change: Partial<ContainerRequest>,
): readonly string[] => commandLine(mergeConfig(image, { ...request, ...change }))

test('a command replaces CMD and is appended to an exec-form ENTRYPOINT', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] }
  assert.deepEqual(argv(image, {}), ['/entry', 'default'])
  assert.deepEqual(argv(image, { command: ['echo', 'hi'] }), ['/entry', 'echo', 'hi'])
  assert.deepEqual(argv({ Cmd: ['default'] }, { command: ['echo', 'hi'] }), ['echo', 'hi'])
})

test('--entrypoint replaces ENTRYPOINT and drops the image CMD', () => {
  const image = { Entrypoint: ['/entry'], Cmd: ['default'] }
  assert.deepEqual(argv(image, { entrypoint: ['/other'] }), ['/other'])
  assert.deepEqual(argv(image, { entrypoint: ['/other'], command: ['x'] }), ['/other', 'x'])
  assert.deepEqual(argv(image, { entrypoint: [], command: ['x'] }), ['x'])
})

test('nothing to run is an error', () => {
  assert.throws(
    () => argv({}, {}),
    (error) => isMilleError(error, 'NO_COMMAND'),
  )
})

test('environment: the request wins by name, a bare name removes, PATH is always there', () => {
  const { Env } = mergeConfig(
    { Cmd: ['x'], Env: ['A=1', 'B=2', 'C=3'] },
    { ...request, env: ['B=two', 'C', 'D=4'] },
  )
  assert.deepEqual(Env, [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'A=1',
    'B=two',
    'D=4',
  ])
})

test('a NUL in a variable is refused: the kernel would end the string there', () => {
  assert.throws(
    () => mergeConfig({ Cmd: ['x'] }, { ...request, env: ['A=1\0B=2'] }),
    (error) => isMilleError(error, 'INVALID_ARGUMENT'),
  )
})

test('a stop signal that does not exist is refused before there is a container', () => {
  assert.throws(
    () => mergeConfig({ Cmd: ['x'] }, { ...request, stopSignal: 'FOO' }),
    (error) => isMilleError(error, 'SIGNAL_INVALID') && error.message.startsWith('invalid signal: FOO'),
  )
  assert.equal(mergeConfig({ Cmd: ['x'] }, { ...request, stopSignal: 'usr1' }).StopSignal, 'usr1')
})

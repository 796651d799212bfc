import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { testMille } from '../support/mille.ts'

const command = resolve(import.meta.dirname, '../../bin/mille')

/** In a mount namespace that shows the second version of control groups alone, whatever the machine has. */
function onlyUnified(script: string, env: NodeJS.ProcessEnv): ReturnType<typeof spawnSync> {
  const lines = `mount -t cgroup2 none /sys/fs/cgroup || exit 99; set -e; ${script}`
  return spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', lines, 'sh', command], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
}

test('containers and builds where there is only the second version of control groups', (context) => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  // none has a network: whoever is in another mount namespace takes its namespace for gone
  const script = `
    "$1" run --rm --network none -m 64m busybox echo ran
    one=$("$1" run -d --network none --name one busybox sleep 1000)
    shared=$("$1" run -d --network none --name shared --pid host busybox sh -c 'sleep 4321 & sleep 4321')
    "$1" exec one cat /proc/self/cgroup | grep -o '^0::/'
    ls -d "/sys/fs/cgroup/mille/$one" | wc -l
    "$1" top one | tail -1 | grep -o 'sleep'
    "$1" pause one; "$1" ps --format '{{.Status}}' | grep -o '(Paused)'; "$1" unpause one
    "$1" stats --no-stream --format '{{.Name}}' one
    "$1" rm -f one shared
    ls -d "/sys/fs/cgroup/mille/$one" "/sys/fs/cgroup/mille/$shared" 2>/dev/null | wc -l
    printf 'FROM busybox\\nRUN echo built\\n' | "$1" build --network none --progress plain - 2>&1 | grep -o ' built$'`
  const { status, stdout, stderr } = onlyUnified(script, { MILLE_ROOT: mille.root })
  if (status === 99) {
    context.skip('the second version cannot be mounted here')
    return
  }
  assert.equal(status, 0, String(stderr))
  assert.match(String(stdout), /^ran\n0::\/\n1\nsleep\none\n\(Paused\)\none\none\none\nshared\n0\n built\n$/)
})

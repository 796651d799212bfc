import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../../test/support/run-cli.ts'

const registries = {
  search: async () => [
    { name: 'nginx', description: 'Official build of Nginx.', stars: 20_000, isOfficial: true },
    {
      name: 'team/nginx',
      description: 'A very long\ndescription that goes on \x1b[31mand on for ever',
      stars: 0,
      isOfficial: false,
    },
  ],
}

test('search prints Docker’s columns; descriptions are cut, and are one line without control characters (A55)', async () => {
  const { out, code } = await runCli(['search', 'nginx'], { registries })
  assert.equal(code, 0)
  assert.deepEqual(out.split('\n'), [
    'NAME         DESCRIPTION                                     STARS     OFFICIAL',
    'nginx        Official build of Nginx.                        20000     [OK]',
    String.raw`team/nginx   A very long description that goes on \x1b[31…` + '   0         ',
    '',
  ])
  const whole = await runCli(['search', '--no-trunc', '--format', '{{.Name}}: {{.Description}}', 'x'], {
    registries,
  })
  assert.match(whole.out, /^team\/nginx: A very long.* for ever$/m)
})

test('search --format json has words for truths', async () => {
  const { out } = await runCli(['search', '--format', 'json', 'nginx'], { registries })
  assert.equal(
    out.split('\n')[0],
    '{"Description":"Official build of Nginx.","IsAutomated":"false","IsOfficial":"true","Name":"nginx","StarCount":"20000"}',
  )
})

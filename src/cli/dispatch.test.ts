import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCli } from '../../test/support/run-cli.ts'
import type { CommandEntry, CommandGroup } from './command-table.ts'
import { commandTable } from './command-table.ts'
import { version } from '../util/version.ts'

test('unknown commands suggest the near one and exit 1', async () => {
  const { code, err } = await runCli(['biuld'])
  assert.equal(code, 1)
  assert.equal(
    err,
    "mille: unknown command: mille biuld\n\nDid you mean this?\n\tmille build\n\nRun 'mille --help' for more information\n",
  )
  const inGroup = await runCli(['image', 'zzz'])
  assert.equal(
    inGroup.err,
    "mille: unknown command: mille image zzz\n\nRun 'mille image --help' for more information\n",
  )
})

test('unknown flags exit 125 with the usage line', async () => {
  const { code, err } = await runCli(['build', '--taget', 'x', '.'])
  assert.equal(code, 125)
  assert.equal(
    err,
    "unknown flag: --taget, did you mean --target?\n\nUsage:  mille build [OPTIONS] PATH | URL | -\n\nRun 'mille build --help' for more information\n",
  )
})

test('the number of arguments is checked; run fails with 125', async () => {
  const images = await runCli(['images', 'a', 'b'])
  assert.equal(images.code, 1)
  assert.match(images.err, /^mille: 'mille images' requires at most 1 argument\n/)
  const run = await runCli(['run'])
  assert.equal(run.code, 125)
  assert.match(
    run.err,
    /^mille: 'mille run' requires at least 1 argument\n\nUsage: {2}mille run \[OPTIONS\] IMAGE.*\n\nSee 'mille run --help' for/,
  )
})

test('help: no command, help COMMAND, --help, help of nothing', async () => {
  const bare = await runCli([])
  assert.equal(bare.code, 0)
  assert.match(bare.out, /^Usage: {2}mille \[OPTIONS\] COMMAND\n/)
  assert.equal((await runCli(['help', 'tag'])).out, (await runCli(['tag', '--help'])).out)
  assert.deepEqual(await runCli(['help', 'x']), { code: 1, out: '', err: 'unknown help topic: x\n' })
})

test('version needs no engine', async () => {
  const { out } = await runCli(['version', '--format', '{{.Client.Version}} {{.Server.Version}}'])
  assert.equal(out, `${version} ${version}\n`)
  assert.equal((await runCli(['-v'])).out, `mille version ${version}\n`)
})

const everyEntry = (group: CommandGroup): CommandEntry[] =>
  Object.values(group.members).flatMap((member) => ('members' in member ? everyEntry(member) : [member]))

test('every command of the table loads and has no flag letter twice', async () => {
  for (const entry of new Set(everyEntry(commandTable))) {
    const { flags, usage } = await entry.load()
    const letters = Object.values(flags).flatMap(({ short }) => (short ? [short] : []))
    assert.equal(new Set(letters).size, letters.length, usage[0])
  }
})

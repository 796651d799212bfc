import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makePlan } from '../../src/builder/plan/make-plan.ts'
import { recheck } from '../../src/dockerfile/checks.ts'
import { parseDockerfile } from '../../src/dockerfile/parser.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { isMilleError } from '../../src/util/errors.ts'
import { hidePasswords } from '../../src/util/hide-passwords.ts'

// C-B10: a few lines that would ask for more time or memory than there is are refused by a limit that the message
// names, or are done at once. The test runner's timeout is the only clock: what was exponential or quadratic took
// minutes or all memory.

const local = { os: 'linux', architecture: 'amd64' }

/** What parsing, planning and checking says: the error's last line, or `ok`. */
async function outcome(text: string): Promise<string> {
  try {
    const dockerfile = parseDockerfile(text)
    const plan = await makePlan(dockerfile, {
      platform: local,
      local,
      network: 'default',
      buildArgs: {},
      resolve: (name) =>
        Promise.resolve({
          id: sha256(name),
          name,
          config: { ...local, rootfs: { type: 'layers', diff_ids: [] } },
          diffIds: [],
        }),
    })
    recheck(dockerfile, plan.facts)
    return 'ok'
  } catch (error) {
    assert.ok(isMilleError(error, 'DOCKERFILE_INVALID'), String(error))
    return error.message.split('\n').at(-1) ?? ''
  }
}

function repeat(count: number, line: (index: number) => string): string {
  return `${Array.from({ length: count }, (_, index) => line(index)).join('\n')}\n`
}

const long = 'x'.repeat(60_000)
const refused: readonly (readonly [what: string, text: string, said: RegExp])[] = [
  [
    'a value that grows',
    `FROM a\nENV A=aaaa\n${repeat(40, () => 'ENV A=$A$A$A$A')}`,
    /longer than 1048576 char/,
  ],
  [
    'many large values',
    `FROM a\nENV A=${long}\n${repeat(9000, (n) => `ENV A${n}=$A$A$A$A$A$A$A$A`)}`,
    /come to more than 16777216 characters/,
  ],
  [
    'many steps with many variables',
    `FROM a\n${repeat(1000, (n) => `ENV A${n}=1`)}${repeat(8900, () => 'RUN x')}`,
    /come to more than 16777216 characters/,
  ],
  [
    'all ports again and again',
    `FROM a\n${repeat(9000, () => 'EXPOSE 1-65535')}`,
    /come to more than 16777216/,
  ],
  [
    'stages that hand on more and more',
    `FROM a AS s0\n${repeat(999, (n) => `FROM s${n} AS s${n + 1}\nENV ${repeat(100, (k) => `A${n}_${k}=1`).replaceAll('\n', ' ')}`)}`,
    /come to more than 16777216 characters/,
  ],
  ['ten thousand stages', repeat(10_000, (n) => `FROM a AS s${n}`), /more than 1000 stages/],
  ['too many instructions', `FROM a\n${repeat(100_000, () => 'RUN x')}`, /more than 10000 instructions/],
  ['a long line', `FROM a\nRUN ${'x'.repeat(66_000)}\n`, /longer than 65536 bytes/],
  ['a long instruction', `FROM a\nRUN ${`${long}\\\n`.repeat(20)}x\n`, /longer than 1048576 characters/],
  ['nothing but lines', '\n'.repeat(8_000_000), /more than 2000000 lines/],
  ['a heredoc without end', `FROM a\nRUN <<E\n${'x\n'.repeat(1_500_000)}`, /unterminated heredoc "E"/],
  [
    'nothing but variables',
    `FROM a\n${repeat(120, () => `ENV A=${'$B'.repeat(30_000)}`)}`,
    /more than 100000 variables/,
  ],
  [
    'nothing but words',
    `FROM a\n${repeat(120, () => `COPY ${'a '.repeat(30_000)}/x/`)}`,
    /more than 250000 words/,
  ],
  [
    'nested variables',
    `FROM a\nENV A=${'${A:-'.repeat(10_000)}${'}'.repeat(10_000)}\n`,
    /nested deeper than 32/,
  ],
  [
    'patterns on large values',
    `FROM a\nENV A=${long}\n${repeat(9000, () => 'ENV B=${A//*a*a*a*a*b/x}')}`,
    /come to more than 16777216 characters/,
  ],
  [
    'all ports, over and over',
    `FROM a\nEXPOSE 1-65535\n${repeat(9000, () => `# mille:unset ${'expose=1-65535/udp '.repeat(20)}`)}`,
    /come to more than 16777216 characters/,
  ],
  ['references without end', repeat(120, () => `FROM ${'a-'.repeat(30_000)}B`), /must be lower case/],
]
for (const [what, text, said] of refused) {
  test(`refused: ${what}`, { timeout: 60_000 }, async () => assert.match(await outcome(text), said))
}

const accepted: readonly (readonly [what: string, text: string])[] = [
  ['ten thousand labels', `FROM a\n${repeat(9990, (n) => `LABEL a${n}=1`)}`],
  [
    'a thousand stages that copy from each other',
    repeat(1000, (n) => `FROM a AS s${n}`) + repeat(8999, (n) => `COPY --from=s${n % 999} /x /`),
  ],
  ['apt-get without end', `FROM a\n${repeat(120, () => `RUN ${'apt-get '.repeat(7000)}install`)}`],
  ['what begins like JSON', `FROM a\n${repeat(120, () => `CMD [${'"'.repeat(60_000)}`)}`],
  ['brackets', `FROM a\n${repeat(120, () => `CMD ${'['.repeat(60_000)}`)}`],
  ['undefined variables', `FROM a\n${repeat(9000, (n) => `ENV A${n}=$BB${n}`)}`],
  [
    'settings that were never there',
    `FROM a\n${repeat(4990, (n) => `LABEL a${n}=1`)}${repeat(5000, (n) => `# mille:unset ${`label=b${n}x `.repeat(40)}`)}`,
  ],
  ['heredocs', `FROM a\n${repeat(9000, () => 'RUN <<E\nx\nE')}`],
]
for (const [what, text] of accepted) {
  test(`at once: ${what}`, { timeout: 60_000 }, async () => assert.equal(await outcome(text), 'ok'))
}

test('passwords are found in linear time', { timeout: 60_000 }, () => {
  assert.equal(
    hidePasswords(`${'a-'.repeat(200_000)}https://u:pw@h`).slice(-14),
    'https://u:***@h'.slice(-14),
  )
})

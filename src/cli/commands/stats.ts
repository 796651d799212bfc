import { setTimeout as sleep } from 'node:timers/promises'
import type { Containers } from '../../containers/containers.ts'
import type { ResourceUsage } from '../../runtime/limits/resource-counters.ts'
import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { printRows, type RowFields } from '../format/print-rows.ts'
import { statsHeaders, statsRow } from '../rows/stats-rows.ts'

const flags = {
  all: toggle('Show all containers (default shows just running)', { short: 'a' }),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  'no-stream': toggle('Disable streaming stats and only pull the first result'),
  'no-trunc': toggle('Do not truncate output'),
}

/** Milliseconds between two looks: what the rate of the first rows is taken over, and what the screen shows later. */
const interval = { first: 250, later: 1000 } as const

const columns =
  '{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}'
/** To the upper left corner, and everything from there on away. */
const clearScreen = '\x1b[H\x1b[J'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [CONTAINER...]'],
  summary: 'Display a live stream of container(s) resource usage statistics',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, { engine, io, signal }) {
    const { containers } = await engine()
    // one that is not there is an error at once; later it may go away
    for (const name of args) await containers.inspect(name)
    const look = (): Promise<Look[]> => lookAt(containers, args, flags.all)
    let before = new Map((await look()).map(({ id, usage }) => [id, usage]))
    for (let pause: number = interval.first; !signal.aborted; pause = interval.later) {
      await sleep(pause, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) break
      const found = await look()
      const rows = found.map((one): RowFields => {
        const usage = { before: before.get(one.id), now: one.usage }
        return statsRow(one, usage, flags['no-trunc'])
      })
      const isScreen = io.stdout.isTTY === true && !flags['no-stream'] && flags.format !== 'json'
      const shown = printRows(rows, { format: flags.format, table: columns, headers: statsHeaders })
      io.stdout.write(isScreen ? clearScreen + shown : shown)
      if (flags['no-stream']) break
      before = new Map(found.map(({ id, usage }) => [id, usage]))
    }
    return 0
  },
})

interface Look {
  readonly id: string
  readonly name: string
  /** By which name it was asked for. */
  readonly asked: string
  readonly usage: ResourceUsage | undefined
}

async function lookAt(containers: Containers, names: readonly string[], all: boolean): Promise<Look[]> {
  const wanted =
    names.length > 0
      ? await Promise.all(
          names.map(async (asked) => ({ asked, found: await inspectIfThere(containers, asked) })),
        )
      : (await containers.list({ all })).map((found) => ({ asked: found.id.slice(0, 12), found }))
  const looks = wanted.map(async ({ asked, found }): Promise<Look | undefined> => {
    if (found === undefined) return undefined
    const { id, name } = found
    return { id, name, asked, usage: await containers.usage(id).catch(ifGone) }
  })
  return (await Promise.all(looks)).filter((look) => look !== undefined)
}

async function inspectIfThere(
  containers: Containers,
  name: string,
): Promise<{ readonly id: string; readonly name: string } | undefined> {
  return await containers.inspect(name).catch(ifGone)
}

function ifGone(error: unknown): undefined {
  if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
}

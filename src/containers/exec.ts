import { failure } from '../util/errors.ts'
import { tryProgram } from '../util/run-program.ts'
import { randomHex } from '../util/random.ts'
import { recordEvent } from './container-events.ts'
import type { Attachment, ExecRequest } from './containers.ts'
import { handleOf, lockContainer } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer } from './record.ts'
import { prepareLocked } from './life/start.ts'
import { runningRow } from './life/stop.ts'
import { settleLocked } from './life/settle.ts'

/** CONTAINER_NOT_RUNNING, CONTAINER_PAUSED (both 409), COMMAND_NOT_FOUND and COMMAND_NOT_EXECUTABLE. */
export async function execInContainer(
  parts: ContainerParts,
  nameOrId: string,
  request: ExecRequest,
): Promise<Attachment & { wait(): Promise<number> }> {
  const row = await runningRow(parts, nameOrId)
  const handle = handleOf(parts, row.id)
  if ((await parts.runtime.state(handle)).status === 'paused')
    throw failure('CONTAINER_PAUSED', { name: nameOrId })
  const { config } = row.data
  const execution = { execID: randomHex(32) }
  const command = `${request.command[0] ?? ''} ${request.command.slice(1).join(' ')}`
  recordEvent(parts, row, `exec_create: ${command}`, execution)
  const process = await parts.runtime.exec(handle, {
    args: request.command,
    env: [
      `HOSTNAME=${row.data.hostname}`,
      ...(config.Env ?? []),
      ...(request.tty ? ['TERM=xterm'] : []),
      ...request.env,
    ],
    cwd: request.workingDir ?? (config.WorkingDir || '/'),
    user: request.user ?? config.User ?? '',
    groupAdd: row.data.request.groupAdd ?? [],
    tty: request.tty,
    stdin: request.stdin,
    privileged: request.privileged === true,
    detach: request.detach === true,
  })
  recordEvent(parts, row, `exec_start: ${command}`, execution)
  return {
    write: (chunk) => process.write(chunk),
    end: () => process.end(),
    resize: (columns, rows) => process.resize(columns, rows),
    output: process.output,
    wait: async () => {
      const { exitCode } = await process.wait()
      if (request.detach !== true)
        recordEvent(parts, row, 'exec_die', { ...execution, exitCode: String(exitCode) })
      return exitCode
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  }
}

/** Before `start` the container is prepared here, so that not a byte of its output is missed. */
export async function attachContainer(
  parts: ContainerParts,
  nameOrId: string,
  options: { readonly stdin: boolean },
): Promise<Attachment> {
  const { id } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  const row = await settleLocked(parts, id)
  if (row.data.restart !== undefined) throw failure('CONTAINER_RESTARTING', { id })
  if (row.data.phase === 'exited' || row.data.phase === 'created') await prepareLocked(parts, row)
  const attachment = await parts.runtime.attach(handleOf(parts, id), {
    stdin: options.stdin && row.data.request.openStdin,
    tty: row.data.request.tty,
  })
  recordEvent(parts, row, 'attach')
  return attachment
}

export async function resizeContainer(
  parts: ContainerParts,
  nameOrId: string,
  columns: number,
  rows: number,
): Promise<void> {
  const { id } = await runningRow(parts, nameOrId)
  parts.runtime.resize(handleOf(parts, id), columns, rows)
}

/** ps(1) on the host over the container's processes, `-ef` by default. Titles as ps prints them; the last column keeps its spaces. */
export async function topContainer(
  parts: ContainerParts,
  nameOrId: string,
  psArgs: readonly string[] = [],
): Promise<{ titles: readonly string[]; rows: readonly (readonly string[])[] }> {
  const row = await runningRow(parts, nameOrId)
  recordEvent(parts, row, 'top')
  const pids = new Set((await parts.runtime.processes(handleOf(parts, row.id))).map(String))
  const { stdout, stderr, exitCode } = await tryProgram('ps', psArgs.length === 0 ? ['-ef'] : psArgs)
  if (exitCode !== 0) throw failure('INVALID_ARGUMENT', { reason: `ps: ${stderr.trim()}` })
  const [head = '', ...lines] = stdout.toString().trimEnd().split('\n')
  const titles = head.trim().split(/\s+/)
  const pidColumn = titles.indexOf('PID')
  if (pidColumn < 0) throw failure('INVALID_ARGUMENT', { reason: "Couldn't find PID field in ps output" })
  const rows = lines
    .map((line) => splitColumns(line, titles.length))
    .filter((cells) => pids.has(cells[pidColumn] ?? ''))
  return { titles, rows }
}

function splitColumns(line: string, count: number): string[] {
  const cells = line.trim().split(/\s+/)
  return [...cells.slice(0, count - 1), cells.slice(count - 1).join(' ')]
}

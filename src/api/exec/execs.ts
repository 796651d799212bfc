import type { Attachment, ContainerDetails, Containers, ExecRequest } from '../../containers/containers.ts'
import { failure, isMilleError, messageOf } from '../../util/errors.ts'
import { randomHex } from '../../util/random.ts'

/** A command to be run in a container, from its creation until the server ends or the container is gone. */
export interface Exec {
  readonly id: string
  readonly containerId: string
  readonly request: Omit<ExecRequest, 'detach'>
  readonly stdout: boolean
  readonly stderr: boolean
  /** Empty: Docker's. */
  readonly detachKeys: string
  state: 'created' | 'running' | 'ended'
  exitCode?: number
  process?: Attachment
}

/** Docker makes, starts and asks for a command in three calls: what is known between them is kept here. */
export interface Execs {
  /** CONTAINER_NOT_RUNNING. */
  create(container: ContainerDetails, wish: Pick<Exec, 'request' | 'stdout' | 'stderr' | 'detachKeys'>): Exec
  /** NO_SUCH_EXEC. */
  get(id: string): Exec
  /** Of one container, in order. */
  idsOf(containerId: string): readonly string[]
  /** Runs it once, EXEC_ALREADY_RUN; its exit code is kept when it could not start, too. */
  start(exec: Exec): Promise<Attachment & { wait(): Promise<number> }>
}

/** So many that have ended are kept to be asked for. */
const mostEnded = 500

export function createExecs(containers: Containers): Execs {
  const execs = new Map<string, Exec>()
  const forgetOldest = (): void => {
    const ended = [...execs.values()].filter(({ state }) => state === 'ended')
    for (const { id } of ended.slice(0, Math.max(0, ended.length - mostEnded))) execs.delete(id)
  }
  return {
    create({ id: containerId, state }, wish) {
      if (state.status === 'paused') throw failure('CONTAINER_PAUSED', { name: containerId })
      if (state.status !== 'running') throw failure('CONTAINER_NOT_RUNNING', { id: containerId })
      forgetOldest()
      const exec: Exec = { ...wish, id: randomHex(32), containerId, state: 'created' }
      execs.set(exec.id, exec)
      return exec
    },
    get(id) {
      const exec = execs.get(id)
      if (exec === undefined) throw failure('NO_SUCH_EXEC', { id })
      return exec
    },
    idsOf: (containerId) =>
      [...execs.values()]
        .filter((exec) => exec.containerId === containerId && exec.state === 'running')
        .map(({ id }) => id),
    async start(exec) {
      if (exec.state !== 'created') throw failure('EXEC_ALREADY_RUN', { id: exec.id })
      exec.state = 'running'
      try {
        const process = await containers.exec(exec.containerId, exec.request)
        exec.process = process
        return { ...process, wait: () => ended(exec, process.wait()) }
      } catch (error) {
        exec.state = 'ended'
        exec.exitCode = startFailureCode(error)
        throw error
      }
    },
  }
}

async function ended(exec: Exec, code: Promise<number>): Promise<number> {
  try {
    exec.exitCode = await code
    return exec.exitCode
  } finally {
    exec.state = 'ended'
    delete exec.process
  }
}

/** C42. */
function startFailureCode(error: unknown): number {
  return isMilleError(error, 'COMMAND_NOT_FOUND', 'WORKDIR_MISSING') ? 127 : 126
}

/** What a client reads in place of the command's output: its connection is open already. */
export function startFailureText(error: unknown): Buffer {
  return Buffer.from(`OCI runtime exec failed: ${messageOf(error)}\r\n`)
}

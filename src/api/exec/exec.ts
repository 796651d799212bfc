import type { Attachment } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import { detachKeysOf, resizeNumber } from '../containers/attach.ts'
import { frame, outputMediaType } from '../http/frames.ts'
import { joinStreams } from '../http/join-streams.ts'
import { readJson } from '../http/json-body.ts'
import { empty, json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'
import { startFailureText, type Exec } from './execs.ts'

const createFields = {
  AttachStdin: 'flag',
  AttachStdout: 'flag',
  AttachStderr: 'flag',
  Tty: 'flag',
  DetachKeys: 'text',
  Cmd: 'words',
  Env: ['text'],
  Privileged: 'flag',
  User: 'text',
  WorkingDir: 'text',
} as const

const startFields = { Detach: 'flag', Tty: 'flag', ConsoleSize: ['int'] } as const

type Parts = Pick<ServedEngine, 'containers' | 'execs'>

async function createExec(request: ApiRequest, { containers, execs }: Parts): Promise<ApiResponse> {
  const body = (await readJson(request, createFields)) ?? {}
  if (!body.Cmd || body.Cmd.length === 0) {
    throw failure('INVALID_ARGUMENT', { reason: 'No exec command specified' })
  }
  const { id } = execs.create(await containers.inspect(request.name), {
    request: {
      command: body.Cmd,
      env: body.Env ?? [],
      tty: body.Tty ?? false,
      stdin: body.AttachStdin ?? false,
      privileged: body.Privileged ?? false,
      ...(body.User && { user: body.User }),
      ...(body.WorkingDir && { workingDir: body.WorkingDir }),
    },
    stdout: body.AttachStdout ?? false,
    stderr: body.AttachStderr ?? false,
    detachKeys: detachKeysOf(body.DetachKeys ?? ''),
  })
  return json({ Id: id }, 201)
}

async function startExec(request: ApiRequest, { execs }: Parts): Promise<ApiResponse> {
  const body = (await readJson(request, startFields)) ?? {}
  const exec = execs.get(request.name)
  if (exec.state !== 'created') throw failure('EXEC_ALREADY_RUN', { id: exec.id })
  if (body.Detach === true) {
    const process = await execs.start(exec)
    void drain(process)
    return empty(200)
  }
  const { tty } = exec.request
  return {
    kind: 'hijack',
    mediaType: outputMediaType(tty, request.version),
    async run(connection) {
      let process: Awaited<ReturnType<typeof execs.start>>
      try {
        process = await execs.start(exec)
      } catch (error) {
        const text = startFailureText(error)
        connection.write(tty ? text : frame('stdout', text))
        return
      }
      const [width, height] = (body.ConsoleSize ?? []).toReversed()
      if (tty && width && height) await process.resize(width, height)
      // the client asks for the exit code as soon as its connection ends
      const exited = process.wait()
      exited.catch(() => undefined)
      const closed = await joinStreams(connection, process, {
        tty,
        stdin: exec.request.stdin,
        stdout: exec.stdout,
        stderr: exec.stderr,
        detachKeys: exec.detachKeys,
        signal: request.signal,
      })
      if (closed) await exited
    },
  }
}

/** Nobody reads a detached command's output; it must end all the same, and its exit code is kept. */
async function drain(process: Attachment & { wait(): Promise<number> }): Promise<void> {
  await using owned = process
  const exited = owned.wait().catch(() => undefined)
  for await (const _ of owned.output);
  await exited
}

async function resizeExec({ name, query }: ApiRequest, { execs }: Parts): Promise<ApiResponse> {
  const { process } = execs.get(name)
  const [width, height] = [resizeNumber('width', query.text('w')), resizeNumber('height', query.text('h'))]
  if (process === undefined) throw failure('INVALID_ARGUMENT', { reason: 'exec process is not started' })
  await process.resize(width, height)
  return empty(200)
}

async function inspectExec({ name }: ApiRequest, { execs }: Parts): Promise<ApiResponse> {
  return json(toExecInspect(execs.get(name)))
}

function toExecInspect(exec: Exec): Readonly<Record<string, unknown>> {
  const { request } = exec
  const [entrypoint = '', ...words] = request.command
  return {
    ID: exec.id,
    Running: exec.state === 'running',
    ExitCode: exec.exitCode ?? null,
    ProcessConfig: {
      tty: request.tty,
      entrypoint,
      arguments: words,
      privileged: request.privileged ?? false,
      ...(request.user !== undefined && { user: request.user }),
    },
    OpenStdin: request.stdin,
    OpenStderr: exec.stderr,
    OpenStdout: exec.stdout,
    CanRemove: false,
    ContainerID: exec.containerId,
    DetachKeys: exec.detachKeys,
    Pid: 0,
  }
}

export const routes: readonly Route<'containers' | 'execs'>[] = [
  { method: 'POST', path: '/containers/{id}/exec', handle: createExec },
  { method: 'POST', path: '/exec/{id}/start', handle: startExec },
  { method: 'POST', path: '/exec/{id}/resize', handle: resizeExec },
  { method: 'GET', path: '/exec/{id}/json', handle: inspectExec },
]

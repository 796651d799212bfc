import { failure } from '../../util/errors.ts'
import type { Hook } from '../model/service.ts'
import type { ComposeParts } from './parts.ts'

/** Runs commands in a container, one after the other. COMPOSE_FAILED when one says no. */
export async function runHooks({ engine }: ComposeParts, id: string, hooks: readonly Hook[]): Promise<void> {
  for (const { command, user, privileged = false, working_dir, environment = {} } of hooks) {
    await using process = await engine.containers.exec(id, {
      command,
      env: Object.entries(environment).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`])),
      ...(user !== undefined && { user }),
      ...(working_dir !== undefined && { workingDir: working_dir }),
      privileged,
      tty: false,
      stdin: false,
    })
    for await (const _ of process.output);
    const code = await process.wait()
    if (code !== 0)
      throw failure('COMPOSE_FAILED', {
        reason: `hook ${JSON.stringify(command.join(' '))} exited with status ${code}`,
      })
  }
}

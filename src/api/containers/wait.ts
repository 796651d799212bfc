import { failure, isMilleError } from '../../util/errors.ts'
import type { ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'

const conditions = ['not-running', 'next-exit', 'removed'] as const

type Parts = Pick<ServedEngine, 'containers' | 'attached' | 'events'>

/** `docker run` asks before it starts the container: the head goes out at once, the code when it is known (C40). */
async function waitContainer({ name, query, signal }: ApiRequest, engine: Parts): Promise<ApiResponse> {
  const wanted = query.text('condition') || 'not-running'
  const condition = conditions.find((one) => one === wanted)
  if (condition === undefined) {
    throw failure('INVALID_ARGUMENT', { reason: `invalid condition: "${wanted}"` })
  }
  const exit = await exitOf(engine, name, { condition, signal })
  return {
    kind: 'stream',
    contentType: 'application/json',
    headFirst: true,
    async write(output) {
      output.write(`${JSON.stringify({ StatusCode: await exit() })}\n`)
    },
  }
}

async function exitOf(
  engine: Parts,
  name: string,
  options: NonNullable<Parameters<Parts['containers']['wait']>[1]>,
): Promise<() => Promise<number>> {
  const { containers, attached } = engine
  try {
    const { id } = await containers.inspect(name)
    return async () => {
      const code = await containers.wait(id, options)
      await attached.drained(id)
      return code
    }
  } catch (error) {
    if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
    const code = await lastCode(engine, name)
    if (code === undefined) throw error
    await attached.drained(name)
    return () => Promise.resolve(code)
  }
}

/** Nanoseconds. */
const recently = 10_000_000_000n

/**
 * Of one that has just gone by `--rm`: clients that wait for what they have started (dockerode's `run`) come too late when it
 * ends at once, and with Docker, which takes longer to remove it, they get the code.
 */
async function lastCode({ events }: Parts, id: string): Promise<number | undefined> {
  const now = BigInt(Date.now() + 1) * 1_000_000n
  const filters = { type: ['container'], event: ['die'], container: [id] }
  for await (const { id: died, attributes } of events({ since: now - recently, until: now, filters })) {
    if (died === id) return Number(attributes['exitCode'])
  }
}

export const routes: readonly Route<'containers' | 'attached' | 'events'>[] = [
  { method: 'POST', path: '/containers/{id}/wait', handle: waitContainer },
]

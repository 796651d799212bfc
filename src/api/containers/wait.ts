import { failure } from '../../util/errors.ts'
import type { ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'
import type { Engine } from '../../engine/engine.ts'

const conditions = ['not-running', 'next-exit', 'removed'] as const

/** `docker run` asks before it starts the container: the head goes out at once, the code when it is known (C40). */
async function waitContainer(
  { name, query, signal }: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  const wanted = query.text('condition') || 'not-running'
  const condition = conditions.find((one) => one === wanted)
  if (condition === undefined) {
    throw failure('INVALID_ARGUMENT', { reason: `invalid condition: "${wanted}"` })
  }
  const { id } = await containers.inspect(name)
  return {
    kind: 'stream',
    contentType: 'application/json',
    headFirst: true,
    async write(output) {
      const code = await containers.wait(id, { condition, signal })
      output.write(`${JSON.stringify({ StatusCode: code })}\n`)
    },
  }
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'POST', path: '/containers/{id}/wait', handle: waitContainer },
]

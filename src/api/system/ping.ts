import type { ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

/** Clients ask this first, and learn from its headers what is answered here. */
async function ping({ method }: Pick<ApiRequest, 'method'>): Promise<ApiResponse> {
  return {
    kind: 'plain',
    status: 200,
    headers: {
      'Builder-Version': '1',
      'Cache-Control': 'no-cache, no-store, must-revalidate',
      'Content-Type': 'text/plain; charset=utf-8',
      Pragma: 'no-cache',
      Swarm: 'inactive',
    },
    body: method === 'HEAD' ? '' : 'OK',
  }
}

export const routes: readonly Route<never>[] = [
  { method: 'GET', path: '/_ping', handle: ping },
  { method: 'HEAD', path: '/_ping', handle: ping },
]

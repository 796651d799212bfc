import type { ApiRequest } from '../route.ts'

/**
 * Reads a body of known length to its end, so that what follows on the connection is input and nothing else: dockerode
 * sends the query of `attach` a second time as JSON. A body in chunks is input itself, and left alone.
 */
export async function dropBody({ body, headers }: Pick<ApiRequest, 'body' | 'headers'>): Promise<void> {
  if (Number(headers['content-length'] ?? 0) === 0) return
  for await (const _ of body);
}

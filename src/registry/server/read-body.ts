import type { RegistryRequest } from './answer.ts'

/** A body of at most `limit` bytes; undefined as soon as it is known to be longer. */
export async function readBody(
  { body, bodyLength = 0 }: Pick<RegistryRequest, 'body' | 'bodyLength'>,
  limit: number,
): Promise<Buffer | undefined> {
  if (bodyLength > limit) return undefined
  const chunks: Buffer[] = []
  let size = 0
  // destroying the request would destroy the connection that the answer must take
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

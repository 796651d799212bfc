import { memoryBlobStore } from '../support/memory-blob-store.ts'
import { openTempStore } from '../support/temp-store.ts'
import { contentTargetContract } from './content-target.ts'

contentTargetContract('memory', async () => ({
  target: memoryBlobStore(),
  async [Symbol.asyncDispose]() {},
}))

contentTargetContract('store', async () => {
  const store = await openTempStore()
  return { target: store.content, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
})

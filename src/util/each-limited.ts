/**
 * Runs `work` over `items`, at most `limit` at once; results in the items' order. After the first failure no
 * further item is begun, and the failure is thrown once the running ones have ended: nothing goes on unseen.
 */
export async function eachLimited<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Map<number, Result>()
  const failures: unknown[] = []
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return
      try {
        results.set(index, await work(item, index))
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  if (failures.length > 0) throw failures[0]
  return items.map((_, index) => results.get(index) as Result)
}

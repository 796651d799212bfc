/** Runs what it is given, at most `limit` at once, the others in the order they came. */
export function limiter(limit: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      // the place goes to the next one without being free in between
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}

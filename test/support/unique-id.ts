/**
 * An id that no other test process has. Ids of steps and containers name control groups of the whole machine: a runtime
 * that ends one kills whatever runs under its name.
 */
export function uniqueId(name: string): string {
  return `${name}-${process.pid}`
}

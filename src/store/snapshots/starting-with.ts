/** An iterable of which the first item was taken already. */
export function* startingWith<Item>(first: Item, rest: Iterable<Item>): Generator<Item> {
  yield first
  yield* rest
}

/** Which stage waits for which while they are planned: named contexts can make circles that no parser saw. */
export class StageWaits {
  readonly #waiting = new Map<number, number>()

  /** `stage` waits for `needed`. When that one waits for it in turn: the circle, from `stage` to `stage`. */
  begin(stage: number, needed: number): readonly number[] | undefined {
    const path = [stage]
    for (let at: number | undefined = needed; at !== undefined; at = this.#waiting.get(at)) {
      path.push(at)
      if (at === stage) return path
    }
    this.#waiting.set(stage, needed)
    return undefined
  }

  end(stage: number): void {
    this.#waiting.delete(stage)
  }
}

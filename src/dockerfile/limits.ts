/** What one Dockerfile may hold; more is refused with the limit's name, before it costs time or memory. */
export const limits = {
  /** Bytes of a Dockerfile or ignore file. */
  fileBytes: 8_388_608,
  lines: 2_000_000,
  /** `$` in the whole file: each may be a variable that is looked at several times. */
  dollars: 100_000,
  /** Bytes of one line, as in BuildKit. */
  lineBytes: 65_536,
  /** Characters of one instruction with its continuations joined. */
  instructionLength: 1_048_576,
  instructions: 10_000,
  /** Spaces between the words of all instructions that are split into words (not RUN, CMD, ENTRYPOINT). */
  words: 250_000,
  stages: 1_000,
  /** Heredocs one instruction opens. */
  heredocs: 1_000,
  /** Characters of a value after expansion: `ENV A=$A$A$A$A` forty times would otherwise be 4^40. */
  valueLength: 1_048_576,
  /** Characters of all values after expansion, with what each step sees of them and the texts of history. */
  expandedLength: 16_777_216,
  /** Depth of `${a:-${b:-…}}`. */
  nesting: 32,
  /** Pattern length times value length of `${x//pattern/…}`. */
  patternWork: 67_108_864,
  ignorePatterns: 10_000,
  ignorePatternLength: 1024,
} as const

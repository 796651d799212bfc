/** What one Dockerfile may hold; more is refused with the limit's name, before it costs time or memory. */
export const limits = {
  /** Bytes of a Dockerfile or ignore file. */
  fileBytes: 8_388_608,
  /** Bytes of one line, as in BuildKit. */
  lineBytes: 65_536,
  /** Characters of one instruction with its continuations joined. */
  instructionLength: 1_048_576,
  instructions: 10_000,
  stages: 1_000,
  /** Heredocs one instruction opens. */
  heredocs: 1_000,
  /** Characters of a value after expansion: `ENV A=$A$A$A$A` forty times would otherwise be 4^40. */
  valueLength: 1_048_576,
  /** Depth of `${a:-${b:-…}}`. */
  nesting: 32,
  /** Pattern length times value length of `${x//pattern/…}`. */
  patternWork: 67_108_864,
  ignorePatterns: 10_000,
  ignorePatternLength: 1024,
} as const

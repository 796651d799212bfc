/** One flag of a command, by its long name in the command's table. `accept` is called once for each occurrence. */
export interface Flag<Value> {
  readonly short?: string
  /** Shown in the help behind the name (`string`, `list`); empty for switches. */
  readonly type: string
  readonly help: string
  readonly initial: Value
  /** Taken when the flag stands without `=value`: a switch. */
  readonly implied?: string
  /** Of a flag with an implied value: does the word behind it belong to it all the same? */
  readonly takes?: (word: string) => boolean
  readonly hidden?: boolean
  /** Throws a plain Error whose message says what is wrong with `text`. */
  accept(previous: Value, text: string): Value
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>

export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Flag<infer Value> ? Value : never
}

interface Shape {
  readonly short?: string
  readonly type?: string
  readonly hidden?: boolean
}

const truths: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
}

/** `--name`, `--name=false`. */
export function toggle(help: string, shape: Shape & { readonly initial?: boolean } = {}): Flag<boolean> {
  return {
    ...shape,
    type: '',
    help,
    initial: shape.initial ?? false,
    implied: 'true',
    accept: (_, text) => {
      const value = truths[text]
      if (value === undefined) throw new Error(`strconv.ParseBool: parsing "${text}": invalid syntax`)
      return value
    },
  }
}

/** The last one given counts. */
export function text(help: string, shape: Shape = {}): Flag<string | undefined> {
  return { type: 'string', ...shape, help, initial: undefined, accept: (_, value) => value }
}

/** A switch that may name a file: the word behind it, when it ends like one, or what stands behind `=`. */
export function optionalFile(help: string, ending: string, shape: Shape = {}): Flag<string | undefined> {
  const takes = (word: string): boolean => word.endsWith(ending)
  return { ...text(help, { type: `[FILE${ending}]`, ...shape }), implied: '', takes }
}

/** May be given several times. */
export function list(help: string, shape: Shape = {}): Flag<readonly string[]> {
  return { type: 'list', ...shape, help, initial: [], accept: (previous, value) => [...previous, value] }
}

/** `--filter name=value`, several times. */
export function filters(help: string, shape: Shape = {}): Flag<readonly string[]> {
  const check = (text: string): string => {
    if (!text.includes('=')) throw new Error('bad format of filter (expected name=value)')
    return text
  }
  return parsedList(help, check, { type: 'filter', ...shape })
}

/** A whole number. */
export function integer(help: string, shape: Shape = {}): Flag<number | undefined> {
  return {
    type: 'int',
    ...shape,
    help,
    initial: undefined,
    accept: (_, value) => {
      if (!/^[+-]?\d+$/.test(value)) throw new Error(`strconv.ParseInt: parsing "${value}": invalid syntax`)
      return Number(value)
    },
  }
}

/** A value that `parse` makes of the text; it throws a plain Error with the reason. */
export function parsed<Value>(
  help: string,
  parse: (text: string) => Value,
  shape: Shape = {},
): Flag<Value | undefined> {
  return { type: 'string', ...shape, help, initial: undefined, accept: (_, value) => parse(value) }
}

/** As `parsed`, given several times. */
export function parsedList<Value>(
  help: string,
  parse: (text: string) => Value,
  shape: Shape = {},
): Flag<readonly Value[]> {
  return {
    type: 'list',
    ...shape,
    help,
    initial: [],
    accept: (previous, value) => [...previous, parse(value)],
  }
}

/** As `parsedList`, of texts that may stand for several values. */
export function flatList<Value>(
  help: string,
  parse: (text: string) => readonly Value[],
  shape: Shape = {},
): Flag<readonly Value[]> {
  return {
    type: 'list',
    ...shape,
    help,
    initial: [],
    accept: (previous, value) => [...previous, ...parse(value)],
  }
}

import { failure } from '../../util/errors.ts'
import { randomBetween } from '../../util/random.ts'

const adjectives =
  'agile amber bold brave bright brisk calm candid clever cosmic crisp daring deft eager fair fleet fluent frank gentle glad golden graceful happy hardy honest humble keen kind lively lucid lucky mellow merry modest nimble noble patient placid plucky polite proud quick quiet rapid ready rosy serene sharp silent smart snug sober solid spry steady sunny swift tidy tranquil trusty upbeat vivid warm wise witty zesty'.split(
    ' ',
  )
const surnames =
  'allen babbage bartik bell boole borg cerf church clarke codd cray curie dijkstra easley euclid euler faraday floyd franklin gauss goldberg hamilton hopper hoare jennings johnson kay kepler knuth lamarr lamport leavitt liskov lovelace matsumoto mccarthy meitner minsky moore naur neumann newton noether pascal perlman planck ritchie sammet shannon sutherland tarjan tesla thompson torvalds turing volta wilkes wirth wozniak wu'.split(
    ' ',
  )

/** `adjective_surname`, as Docker names containers that nobody named (C43); with a digit when `taken` has no end. */
export function randomName(taken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${pick(adjectives)}_${pick(surnames)}${attempt < 10 ? '' : randomBetween(10, 100_000)}`
    if (!taken(name)) return name
  }
}

function pick(words: readonly string[]): string {
  return words[randomBetween(0, words.length)] as string
}

/** Docker's rule; CONTAINER_NAME_INVALID. A name becomes a host name and part of messages, never a path. */
export function checkName(name: string): string {
  const bare = name.replace(/^\//, '')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(bare) || bare.length > 255)
    throw failure('CONTAINER_NAME_INVALID', { name })
  return bare
}

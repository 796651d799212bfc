import type { SourceRange, Warning } from './ast.ts'

/** One check rule: its name as `# check=skip=` takes it, what it finds, and where Docker explains it. */
export interface CheckRule {
  readonly name: string
  readonly description: string
  readonly url?: string
  /** Off unless asked for with `experimental=`. */
  readonly experimental?: true
  /**
   * A rule of mille's own: advice, which neither counts as a warning nor fails a check. `build`: shown by builds as
   * well; `check`: by `--check` only.
   */
  readonly hint?: 'build' | 'check'
}

function dockerRule(name: string, description: string, experimental?: true): CheckRule {
  const page = name
    .replace(/JSON(?=[A-Z])/, 'Json')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase()
  const url = `https://docs.docker.com/go/dockerfile/rule/${page}/`
  return { name, description, url, ...(experimental ? { experimental } : {}) }
}

/** The rules of `docker build --check` (B61) in BuildKit's words, then mille's own. */
export const checkRules: readonly CheckRule[] = [
  dockerRule('StageNameCasing', 'Stage names should be lowercase'),
  dockerRule('FromAsCasing', "The 'as' keyword should match the case of the 'from' keyword"),
  dockerRule('NoEmptyContinuation', 'Empty continuation lines will become errors in a future release'),
  dockerRule(
    'ConsistentInstructionCasing',
    'All commands within the Dockerfile should use the same casing (either upper or lower)',
  ),
  dockerRule('DuplicateStageName', 'Stage names should be unique'),
  dockerRule('ReservedStageName', 'Reserved words should not be used as stage names'),
  dockerRule(
    'JSONArgsRecommended',
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  ),
  dockerRule(
    'MaintainerDeprecated',
    'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  ),
  dockerRule('UndefinedArgInFrom', 'FROM command must use declared ARGs'),
  dockerRule(
    'WorkdirRelativePath',
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  ),
  dockerRule('UndefinedVar', 'Variables should be defined before their use'),
  dockerRule(
    'MultipleInstructionsDisallowed',
    'Multiple instructions of the same type should not be used in the same stage',
  ),
  dockerRule('LegacyKeyValueFormat', 'Legacy key/value format with whitespace separator should not be used'),
  dockerRule('InvalidBaseImagePlatform', 'Base image platform does not match expected target platform'),
  dockerRule(
    'RedundantTargetPlatform',
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  ),
  dockerRule('SecretsUsedInArgOrEnv', 'Sensitive data should not be used in the ARG or ENV commands'),
  dockerRule(
    'InvalidDefaultArgInFrom',
    'Default value for global ARG results in an empty or invalid base image name',
  ),
  dockerRule('FromPlatformFlagConstDisallowed', 'FROM --platform flag should not use a constant value'),
  dockerRule('CopyIgnoredFile', 'Attempting to Copy file that is excluded by .dockerignore'),
  dockerRule(
    'InvalidDefinitionDescription',
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
    true,
  ),
  dockerRule('ExposeProtoCasing', 'Protocol in EXPOSE instruction should be lowercase'),
  dockerRule(
    'ExposeInvalidFormat',
    'IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release',
  ),
  {
    name: 'CopyOutsideContext',
    description: 'A source with ".." is taken from the root of the context',
    hint: 'build',
  },
  { name: 'CopyMatchesNothing', description: 'A pattern of COPY or ADD matches no file', hint: 'build' },
  {
    name: 'JSONFormInvalid',
    description: 'What looks like JSON but is not runs as a shell line',
    hint: 'build',
  },
  {
    name: 'ContinuationAtEnd',
    description: 'The last line of the file ends in a continuation',
    hint: 'build',
  },
  {
    name: 'UnknownCheckRule',
    description: 'The check directive names a rule that there is not',
    hint: 'build',
  },
  {
    name: 'AptRecommends',
    description: 'apt-get install takes recommended packages too, which are rarely needed in an image',
    hint: 'check',
  },
]

const ruleByName = new Map(checkRules.map((rule) => [rule.name, rule]))

/** Where a finding is. */
export interface Place {
  /** The very words meant. */
  readonly range: SourceRange
  /** The instruction around them. */
  readonly within: SourceRange
}

/** Makes a finding of the rule `name`. */
export function finding(
  name: string,
  { range, within }: Place,
  message: string,
  more: Pick<Warning, 'suggestion' | 'note'> = {},
): Warning {
  const { description = '', url, hint } = ruleByName.get(name) ?? {}
  return {
    rule: name,
    message,
    description,
    ...(url === undefined ? {} : { url }),
    line: within.start.line,
    range,
    within,
    ...more,
    ...(hint === undefined ? {} : { hint }),
  }
}

/** A finding about a whole instruction. */
export function findingAt(
  name: string,
  instruction: { readonly range: SourceRange },
  message: string,
  more?: Pick<Warning, 'suggestion' | 'note'>,
): Warning {
  return finding(name, { range: instruction.range, within: instruction.range }, message, more)
}

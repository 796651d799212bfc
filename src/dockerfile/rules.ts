import type { SourceRange, Warning } from './ast.ts'

/** One check rule: its name as `# check=skip=` takes it, what it finds, and where Docker explains it. */
export interface CheckRule {
  readonly name: string
  readonly description: string
  readonly url?: string
  /** Off unless asked for. */
  readonly experimental?: true
}

function dockerRule(name: string, description: string, experimental?: true): CheckRule {
  const page = name
    .replace(/JSON(?=[A-Z])/, 'Json')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '-')
    .toLowerCase()
  const url = `https://docs.docker.com/go/dockerfile/rule/${page}/`
  return { name, description, url, ...(experimental ? { experimental } : {}) }
}

/** The rules of `docker build --check` (B61), then mille's own. A rule is run where what it needs is known. */
export const checkRules: readonly CheckRule[] = [
  dockerRule('StageNameCasing', 'Stage names should be lower case'),
  dockerRule('FromAsCasing', "The 'as' keyword should have the casing of the 'from' keyword"),
  dockerRule('NoEmptyContinuation', 'A continued instruction should have no empty line inside'),
  dockerRule('ConsistentInstructionCasing', 'All instructions of a file should have one casing'),
  dockerRule('DuplicateStageName', 'Stage names should be unique'),
  dockerRule('ReservedStageName', 'Reserved words should not be stage names'),
  dockerRule(
    'JSONArgsRecommended',
    'CMD and ENTRYPOINT in JSON form receive signals, in shell form the shell does',
  ),
  dockerRule('MaintainerDeprecated', 'MAINTAINER is deprecated: use a label'),
  dockerRule('UndefinedArgInFrom', 'FROM must use declared arguments'),
  dockerRule('WorkdirRelativePath', 'A relative WORKDIR depends on the base image'),
  dockerRule('UndefinedVar', 'Variables should be defined before they are used'),
  dockerRule(
    'MultipleInstructionsDisallowed',
    'Only the last of several such instructions in a stage counts',
  ),
  dockerRule('LegacyKeyValueFormat', 'The form "name value" is legacy: write "name=value"'),
  dockerRule('InvalidBaseImagePlatform', 'The base image is not for the platform asked for'),
  dockerRule('RedundantTargetPlatform', '$TARGETPLATFORM is the default of --platform in FROM'),
  dockerRule('SecretsUsedInArgOrEnv', 'Secrets in ARG or ENV stay readable in the image'),
  dockerRule('InvalidDefaultArgInFrom', 'The default of a global ARG should give a valid base name'),
  dockerRule('FromPlatformFlagConstDisallowed', '--platform of FROM should not be a constant'),
  dockerRule('CopyIgnoredFile', 'COPY or ADD of a file that the ignore file hides'),
  dockerRule(
    'InvalidDefinitionDescription',
    'A comment above a stage or argument should begin with its name',
    true,
  ),
  dockerRule('ExposeProtoCasing', 'The protocol in EXPOSE should be lower case'),
  dockerRule('ExposeInvalidFormat', 'EXPOSE takes no IP address and no host port'),
  { name: 'CopyOutsideContext', description: 'A source with ".." is taken from the root of the context' },
  { name: 'CopyMatchesNothing', description: 'A pattern of COPY or ADD matches no file' },
]

const ruleByName = new Map(checkRules.map((rule) => [rule.name, rule]))

/** Makes a finding of the rule `name`. */
export function warn(name: string, range: SourceRange, message: string, suggestion?: string): Warning {
  const url = ruleByName.get(name)?.url
  return {
    rule: name,
    message,
    ...(url === undefined ? {} : { url }),
    range,
    ...(suggestion === undefined ? {} : { suggestion }),
  }
}

/** What `# check=` or the build argument BUILDKIT_DOCKERFILE_CHECK asks for (B05). */
export interface CheckOptions {
  readonly skip: 'all' | readonly string[]
  /** Experimental rules to run; they win over `skip`. */
  readonly experimental: 'all' | readonly string[]
  /** Findings end the build. */
  readonly error: boolean
}

/** Reads `skip=A,B;experimental=C;error=true`; a string is the reason why the text is refused. */
export function parseCheckOptions(text: string): CheckOptions | string {
  let skip: CheckOptions['skip'] = []
  let experimental: CheckOptions['experimental'] = []
  let error = false
  for (const part of text.trim() === '' ? [] : text.split(';')) {
    const equals = part.indexOf('=')
    const key = part.slice(0, equals < 0 ? undefined : equals).trim()
    const value = part.slice(equals + 1).trim()
    if (equals < 0 || !['skip', 'experimental', 'error'].includes(key)) {
      return `invalid check option "${key}": there are skip=RULE,…, experimental=RULE,… and error=true`
    }
    if (key === 'skip') skip = ruleNames(value)
    else if (key === 'experimental') experimental = ruleNames(value)
    else if (/^(1|t|true|0|f|false)$/i.test(value)) error = /^[1t]/i.test(value)
    else return `invalid check option "error=${value}": must be true or false`
  }
  return { skip, experimental, error }
}

function ruleNames(value: string): 'all' | readonly string[] {
  return value === 'all' ? 'all' : value.split(',').map((name) => name.trim())
}

/** Is the rule run under these options? `experimental`: the rule is off unless asked for. */
export function isEnabled(
  { name, experimental }: { readonly name: string; readonly experimental?: true },
  options: CheckOptions | undefined,
): boolean {
  const asked = options?.experimental ?? []
  if (experimental) return asked === 'all' || asked.includes(name)
  const skip = options?.skip ?? []
  return skip !== 'all' && !skip.includes(name)
}

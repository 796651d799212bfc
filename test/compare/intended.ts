interface Intended {
  /** Of the case; all when absent. */
  readonly name?: RegExp
  readonly what: RegExp
  readonly why: string
}

/** Differences that are meant; docs/compare.md tells them to users. */
const intended: readonly Intended[] = [
  {
    name: /^(healthcheck|healthcheck-none|shell|variables-everywhere|env-of-base)$/,
    what: /^history\[\d+\]\.created_by$/,
    why: 'HEALTHCHECK is shown as it was written, not as a Go structure',
  },
  {
    name: /^heredocs$/,
    what: /^history\[(3|9)\]\.created_by$/,
    why: 'a heredoc that is run as a file is shown, not its place; tabs that <<- takes away are gone',
  },
  {
    name: /^heredocs$/,
    what: /^tree .* time$/,
    why: 'Docker gives a heredoc of COPY the time at which it saw that text first',
  },
  {
    name: /^copy-modes$/,
    what: /^tree as-is\/(dir|secret) mode$/,
    why: 'modes that only show an umask become 0644 and 0755',
  },
  {
    name: /^copy-hard-links$/,
    what: /^hard links$/,
    why: 'how often a checkout linked its files says nothing of the image',
  },
  {
    name: /^copy-link-flag$/,
    what: /^tree (etc\/dir|new\/deep|owned\/deep\/er) time$/,
    why: 'a layer of --link says nothing of the folders above what it brings',
  },
  {
    name: /^copy-/,
    what: /^tree (all|as-is) time$/,
    why: 'Docker does not get the time of the context folder itself',
  },
]

/** Undefined for a difference that nobody intended. */
export function whyIntended(name: string, what: string): string | undefined {
  return intended.find((one) => (one.name?.test(name) ?? true) && one.what.test(what))?.why
}

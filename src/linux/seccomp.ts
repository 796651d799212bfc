import type * as Koffi from 'koffi'
import { loadKoffi } from './load-koffi.ts'

/** A filter as libseccomp takes it, with the actions ALLOW and ERRNO; an argument stands once in a rule. */
export interface FilterRules {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly {
    readonly names: readonly string[]
    readonly action: string
    readonly errnoRet?: number
    readonly args?: readonly {
      readonly index: number
      readonly op: string
      readonly value: number
      readonly valueTwo?: number
    }[]
  }[]
}

interface Library {
  readonly init: (action: number) => unknown
  readonly release: (context: unknown) => void
  readonly setAttribute: (context: unknown, attribute: number, value: number) => number
  readonly findArchitecture: (name: string) => number
  readonly addArchitecture: (context: unknown, token: number) => number
  readonly findCall: (name: string) => number
  readonly addRule: (
    context: unknown,
    action: number,
    call: number,
    count: number,
    args: Uint8Array,
  ) => number
  readonly write: (context: unknown, descriptor: number) => number
}

/** seccomp.h: attribute and value that make the filter a tree, so that a call passes 10 instructions and not 400. */
const optimize = { attribute: 8, tree: 2 } as const
const EEXIST = 17
const unknownCall = -1
const argumentSize = 24
const actions: Readonly<Record<string, number>> = { SCMP_ACT_ALLOW: 0x7fff0000, SCMP_ACT_ERRNO: 0x00050000 }
const operators = ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`)

/**
 * Writes the program of a filter to an open file. False where libseccomp is missing or does not take it; what is in the
 * file then is nothing. Takes 10 ms and more. Source: seccomp_rule_add(3), seccomp_export_bpf(3).
 */
export function compileFilter(rules: FilterRules, descriptor: number): boolean {
  const library = load()
  if (
    library === undefined ||
    ![rules.defaultAction, ...rules.syscalls.map(({ action }) => action)].every(isKnown)
  )
    return false
  const context = library.init(actionNumber(rules.defaultAction, rules.defaultErrnoRet))
  if (context === null) return false
  try {
    library.setAttribute(context, optimize.attribute, optimize.tree)
    for (const name of rules.architectures) {
      const token = library.findArchitecture(name.replace('SCMP_ARCH_', '').toLowerCase())
      const added = token === 0 ? 0 : library.addArchitecture(context, token)
      if (token === 0 || (added !== 0 && added !== -EEXIST)) return false
    }
    return (
      rules.syscalls.every((rule) => addRule(library, context, rule)) &&
      library.write(context, descriptor) === 0
    )
  } finally {
    library.release(context)
  }
}

function addRule(library: Library, context: unknown, rule: FilterRules['syscalls'][number]): boolean {
  const action = actionNumber(rule.action, rule.errnoRet)
  const { args = [] } = rule
  const packed = Buffer.alloc(argumentSize * Math.max(1, args.length))
  for (const [at, { index, op, value, valueTwo = 0 }] of args.entries()) {
    packed.writeUInt32LE(index, at * argumentSize)
    packed.writeUInt32LE(operators.indexOf(op) + 1, at * argumentSize + 4)
    packed.writeBigUInt64LE(BigInt(value), at * argumentSize + 8)
    packed.writeBigUInt64LE(BigInt(valueTwo), at * argumentSize + 16)
  }
  return rule.names.every((name) => {
    const call = library.findCall(name)
    if (call === unknownCall) return true
    const added = library.addRule(context, action, call, args.length, packed)
    return added === 0 || added === -EEXIST
  })
}

const isKnown = (action: string): boolean => Object.hasOwn(actions, action)

function actionNumber(name: string, errno = 1): number {
  return (actions[name] ?? 0) + (name === 'SCMP_ACT_ERRNO' ? errno : 0)
}

function load(): Library | undefined {
  let library: Koffi.LibraryHandle
  try {
    library = loadKoffi().load('libseccomp.so.2')
  } catch {
    return undefined
  }
  return {
    init: library.func('seccomp_init', 'void *', ['uint32_t']),
    release: library.func('seccomp_release', 'void', ['void *']),
    setAttribute: library.func('seccomp_attr_set', 'int', ['void *', 'int', 'uint32_t']),
    findArchitecture: library.func('seccomp_arch_resolve_name', 'uint32_t', ['const char *']),
    addArchitecture: library.func('seccomp_arch_add', 'int', ['void *', 'uint32_t']),
    findCall: library.func('seccomp_syscall_resolve_name', 'int', ['const char *']),
    addRule: library.func('seccomp_rule_add_array', 'int', [
      'void *',
      'uint32_t',
      'int',
      'uint32_t',
      'void *',
    ]),
    write: library.func('seccomp_export_bpf', 'int', ['void *', 'int']),
  }
}

import { closeSync } from 'node:fs'
import { createMountNamespace } from '../linux/mount-namespace.ts'
import { failure, messageOf } from '../util/errors.ts'
import { missingCapabilities } from './capabilities.ts'
import type { Isolation } from './runtime.ts'

export type IsolationChoice = 'auto' | Isolation['kind']

/** What chroot(2) and the change to a step's user need. */
const needed = ['CAP_SYS_CHROOT', 'CAP_SETUID', 'CAP_SETGID'] as const

/**
 * Namespaces where the kernel gives them, by trying; else chroot. ISOLATION_UNAVAILABLE when that is refused, too, or what
 * was asked for is.
 */
export function chooseIsolation(choice: IsolationChoice): Isolation {
  if (choice === 'oci') return { kind: 'oci', reason: 'as asked for' }
  const refusal = choice === 'auto' ? findRefusal() : undefined
  if (choice === 'auto' && refusal === undefined) return { kind: 'oci' }
  const missing = missingCapabilities(needed)
  if (missing.length > 0) {
    const reason = `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing${refusal === undefined ? '' : `, and namespaces are refused: ${refusal}`}`
    throw failure('ISOLATION_UNAVAILABLE', { what: 'isolation chroot', reason })
  }
  return { kind: 'chroot', reason: refusal === undefined ? 'as asked for' : `no namespaces: ${refusal}` }
}

/** Of what every container begins with: a mount namespace, and a mount in it. */
function findRefusal(): string | undefined {
  try {
    closeSync(createMountNamespace(() => {}))
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

/** ISOLATION_UNAVAILABLE where no container can be run: before anything is made for one. Takes microseconds. */
export function checkContainers(): void {
  const [missing] = missingCapabilities(['CAP_SYS_ADMIN'])
  if (missing === undefined) return
  const reason = `it needs namespaces, and ${missing} is missing: builds work here, in chroot isolation; run containers where mille may make namespaces`
  throw failure('ISOLATION_UNAVAILABLE', { what: 'a container', reason })
}

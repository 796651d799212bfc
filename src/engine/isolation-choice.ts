import type { IsolationChoice } from '../runtime/isolation.ts'
import { failure } from '../util/errors.ts'

/** As asked for, else `$MILLE_ISOLATION`, else by trying. ISOLATION_UNAVAILABLE for what there is not. */
export function isolationChoice(
  asked: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): IsolationChoice {
  const word = asked ?? env['MILLE_ISOLATION'] ?? ''
  // Docker's word for its only one on Linux
  if (word === '' || word === 'default') return 'auto'
  if (word === 'auto' || word === 'oci' || word === 'chroot') return word
  throw failure('ISOLATION_UNAVAILABLE', {
    what: `isolation "${word}"`,
    reason: 'there are auto, oci and chroot',
  })
}

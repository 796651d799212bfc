import { readText } from '../util/read-text.ts'

let answer: boolean | undefined

/**
 * Is this process root only within a user namespace? There devices cannot be made, and overlayfs keeps its notes in
 * `user.` attributes. Source: user_namespaces(7), "Defining user and group ID mappings".
 */
export function inUserNamespace(): boolean {
  answer ??= !/^\s*0\s+0\s+4294967295\s*$/.test(readMap())
  return answer
}

function readMap(): string {
  try {
    return readText('/proc/self/uid_map')
  } catch {
    // a kernel without them
    return '0 0 4294967295'
  }
}

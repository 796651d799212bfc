/** Set for processes in the namespace of an ordinary user, where that user looks like root. */
export const ownerVariable = 'MILLE_ROOTLESS_UID'
/** Where the command was called: entering a mount namespace leads to its root folder. */
export const folderVariable = 'MILLE_ROOTLESS_FOLDER'

/** The number of the user whose store and containers these are, as the machine knows it. */
export function ownerOf(env: NodeJS.ProcessEnv): number {
  const owner = env[ownerVariable]
  return owner !== undefined && /^\d+$/.test(owner) ? Number(owner) : (process.getuid?.() ?? 0)
}

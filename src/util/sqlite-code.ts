/** The primary result code of an error of SQLite; undefined for any other error. Source: sqlite.org/rescode.html. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  return error.errcode & 0xff
}

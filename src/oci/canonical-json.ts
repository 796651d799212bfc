/**
 * The bytes of a document that mille itself writes: no white space, keys in the order the value was built with, fields
 * that are undefined left out. Same value, same bytes, on every machine.
 */
export function canonicalJson(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}

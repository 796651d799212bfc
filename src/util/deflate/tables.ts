/** Numbers of RFC 1951, 3.2.5: how lengths (3 to 258) and distances (1 to 32768) become codes with extra bits. */
const lengthCodes = 29
export const distanceCodes = 30
export const endOfBlock = 256
/** The code of length 3. */
export const firstLength = 257
export const literalCodes: number = firstLength + lengthCodes
export const longestMatch = 258
export const windowSize = 32_768

export const lengthExtra: Uint8Array = Uint8Array.from({ length: lengthCodes }, (_, code) =>
  code < 8 || code === 28 ? 0 : (code >> 2) - 1,
)
export const distanceExtra: Uint8Array = Uint8Array.from({ length: distanceCodes }, (_, code) =>
  code < 4 ? 0 : (code >> 1) - 1,
)

/** Smallest length of each code. */
export const lengthBase: Uint16Array = new Uint16Array(lengthCodes)
export const codeOfLength: Uint8Array = new Uint8Array(longestMatch + 1)
for (let code = 0, length = 3; code < lengthCodes; code++) {
  lengthBase[code] = length
  for (let end = length + (1 << (lengthExtra[code] as number)); length < end; length++)
    codeOfLength[length] = code
}
// the longest has a code of its own, without extra bits
lengthBase[28] = longestMatch
codeOfLength[longestMatch] = 28

/** Smallest distance of each code. */
export const distanceBase: Uint16Array = new Uint16Array(distanceCodes)
/** By distance - 1 up to 256, then by what is above its lowest seven bits. */
const codesOfDistances = new Uint8Array(512)
for (let code = 0, distance = 1; code < distanceCodes; code++) {
  distanceBase[code] = distance
  for (let end = distance + (1 << (distanceExtra[code] as number)); distance < end; distance++)
    codesOfDistances[distance <= 256 ? distance - 1 : 256 + ((distance - 1) >> 7)] = code
}

export function codeOfDistance(distance: number): number {
  return codesOfDistances[distance <= 256 ? distance - 1 : 256 + ((distance - 1) >> 7)] as number
}

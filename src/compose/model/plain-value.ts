import type { Scalar } from 'yaml'

/** What a scalar says: a plain one may be null, a boolean or a number, a quoted one is a text. Source: YAML 1.2, 10.3.2. */
export function plainValue(node: Scalar): unknown {
  const text = String(node.source ?? node.value ?? '')
  if (node.tag === 'tag:yaml.org,2002:str' || node.tag === '!!str') return text
  if (node.type !== 'PLAIN') return text
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return null
  if (/^(?:true|True|TRUE)$/.test(text)) return true
  if (/^(?:false|False|FALSE)$/.test(text)) return false
  if (/^[-+]?[1-9][\d_]*$|^[-+]?0$/.test(text)) return wholeNumber(text.replaceAll('_', ''))
  if (/^0[0-7]+$|^0o[0-7]+$/.test(text)) return parseInt(text.replace('0o', '0'), 8)
  if (/^0x[\da-fA-F]+$/.test(text)) return parseInt(text, 16)
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text)
  return text
}

/** A number that JavaScript cannot hold stays as it was written. */
function wholeNumber(text: string): number | string {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : text
}

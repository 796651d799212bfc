import { namesSecret } from '../../dockerfile/secret-names.ts'
import type { Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Ingredient } from '../../store/store.ts'

/** Raised when the same ingredients would lead to another layer than before: old records are simply not found then. */
const version = 3

/** The key of a step with these ingredients: every field of every one counts (C-B8). */
export function stepKey(operation: string, ingredients: readonly Ingredient[]): Digest {
  return sha256(
    JSON.stringify([version, operation, ingredients.map((one) => [one.kind, one.name, one.value])]),
  )
}

const secretName = /pass(word|wd)?|secret|token|apikey|api_key|private_?key|credential/i
/** A shorter value is found by chance in other texts. */
const shortestSecret = 6
const longestValue = 4096

/**
 * Ingredients as they are kept: the value of an argument or variable whose name speaks of a secret only as a digest
 * (C-B9), and so whatever that value has found its way into; a long one too. They are compared and shown, never used
 * to make a key.
 */
export function keptIngredients(ingredients: readonly Ingredient[]): Ingredient[] {
  const secrets = ingredients
    .filter((one) => isSecret(one) && one.value.length >= shortestSecret)
    .map(({ value }) => value)
  return ingredients.map((one) => {
    if (isSecret(one)) return { ...one, value: sha256(one.value), shown: hidden }
    const { value, shown = value } = one
    const isTold = secrets.some((secret) => value.includes(secret))
    if (!isTold && value.length <= longestValue) return one
    const told = secrets.reduce((text, secret) => text.replaceAll(secret, hidden), shown)
    return { ...one, value: sha256(value), shown: told.length > 200 ? `${told.slice(0, 200)}…` : told }
  })
}

const hidden = '(hidden)'

function isSecret({ kind, name }: Ingredient): boolean {
  return (kind === 'argument' || kind === 'environment') && looksSecret(name)
}

/** Does the name of an argument or variable speak of a secret? */
export function looksSecret(name: string): boolean {
  return secretName.test(name) || namesSecret(name)
}

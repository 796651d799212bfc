import type { Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Ingredient } from '../../store/store.ts'

/** Raised when the same ingredients would lead to another layer than before: old records are simply not found then. */
const version = 2

/** The key of a step with these ingredients: every field of every one counts (C-B8). */
export function stepKey(operation: string, ingredients: readonly Ingredient[]): Digest {
  return sha256(
    JSON.stringify([version, operation, ingredients.map((one) => [one.kind, one.name, one.value])]),
  )
}

const secretName = /pass(word|wd)?|secret|token|apikey|api_key|private_?key|credential/i

/**
 * Ingredients as they are kept: the value of an argument or variable whose name speaks of a secret only as a digest
 * (C-B9), a long one too. They are compared and shown, never used to make a key.
 */
export function keptIngredients(ingredients: readonly Ingredient[]): Ingredient[] {
  return ingredients.map((one) => {
    const isSecret = (one.kind === 'argument' || one.kind === 'environment') && secretName.test(one.name)
    return isSecret || one.value.length > 4096 ? { ...one, value: sha256(one.value) } : one
  })
}

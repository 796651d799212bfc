import type { CompareCase } from '../compare-case.ts'
import { addCases } from './add.ts'
import { configCases } from './config.ts'
import { copyCases } from './copy.ts'
import { languageCases } from './language.ts'
import { runCases } from './run.ts'

/** Together the whole language. */
export const allCases: readonly CompareCase[] = [
  ...languageCases,
  ...configCases,
  ...copyCases,
  ...addCases,
  ...runCases,
]

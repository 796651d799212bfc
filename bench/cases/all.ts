import type { BenchCase } from '../case.ts'
import { commit } from './commit.ts'
import { copyCold, copyNothing, copyOneFile } from './copy.ts'
import { largeContext, touchOne } from './large.ts'
import { load, pull, remove } from './move.ts'
import { parse } from './parse.ts'
import { start, startBridge, version } from './start.ts'
import { chainCached, chainCold, stages } from './steps.ts'

/** Every case, in the order of the table. */
export const allCases: readonly BenchCase[] = [
  version,
  start,
  startBridge,
  parse,
  chainCold,
  chainCached,
  copyCold,
  copyOneFile,
  copyNothing,
  largeContext,
  touchOne,
  stages,
  pull,
  load,
  remove,
  commit,
]

/** A study from its file, with the model that it names beside it. */
import { dirname, resolve } from 'node:path'
import { parseStudy, type WrittenStudy } from '@wardround/core/protocol/plan.ts'
import { readBytes, readText } from './homes.ts'

/** Errors: WR_STUDY_SYNTAX, WR_STUDY_INVALID; WR_DATA_MISSING, WR_PERMISSION, for the model's file, too. */
export const readStudy = (path: string): WrittenStudy =>
  parseStudy(readText(path), path, (named) => readBytes(resolve(dirname(path), named)))

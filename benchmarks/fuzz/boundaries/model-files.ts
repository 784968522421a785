/** Where model files are read, without all the rest: a process that reads one of them need not know more. */
import type { Boundary } from '../boundary.ts'
import { models } from './model.ts'
import { onnx } from './onnx.ts'

export const modelFiles: readonly Boundary[] = [onnx, models]

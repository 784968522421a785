/** What computed a result, for the report. */

import { createRequire } from 'node:module'
import { cpus } from 'node:os'

export const machineOf = (version: string): Record<string, string> => ({
  wardround: version,
  node: process.version,
  onnxruntime: String(createRequire(import.meta.url)('onnxruntime-node/package.json').version),
  system: `${process.platform} ${process.arch}`,
  processor: cpus()[0]?.model.trim() ?? 'unknown',
})

/** Stand-in while the report is being written. */
import type { Results } from '../protocol/results.ts'
export const reportHtml = (results: Results, options: { synthetic?: boolean } = {}): string =>
  `<!doctype html><pre>${results.planHash} ${options.synthetic}</pre>`

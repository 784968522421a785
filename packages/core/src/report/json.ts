/** The report for programs: everything that the report for people shows, and the statistics it is drawn from. */
import type { Results } from '../protocol/results.ts'
import type { ReportOptions } from './html.ts'

/** One JSON document with a final newline; `synthetic` stands first, so that nobody reads past it. */
export const reportJson = (results: Results, { synthetic = false }: ReportOptions = {}): string =>
  `${JSON.stringify({ synthetic, ...results }, null, 2)}\n`

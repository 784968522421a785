/** The report for programs: everything that the report for people shows, and the statistics it is drawn from. */
import type { Results } from '../protocol/results.ts'
import { reportWords } from '../words/en/report.ts'
import type { ReportOptions } from './html.ts'

/** One JSON document with a final newline; that it is synthetic stands first, so that nobody reads past it. */
export function reportJson(results: Results, { synthetic = false }: ReportOptions = {}): string {
  const marks = synthetic ? { synthetic, notice: reportWords.syntheticBanner() } : { synthetic }
  return `${JSON.stringify({ ...marks, ...results }, null, 2)}\n`
}

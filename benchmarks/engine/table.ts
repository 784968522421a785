/** The engine benchmark's rows as a table. */
import { aligned } from '../figures.ts'
import type { EngineReport } from './engine.ts'
import type { ProfileRow } from './profile.ts'
import { engineWords } from './words.ts'

export function engineTable({ rows, torchVersion, ...totals }: EngineReport): string {
  const { milliseconds, ratio, megabytes } = engineWords
  const lines = rows.map((row) => [
    row.case,
    String(row.threads),
    milliseconds(row.ms),
    milliseconds(row.torchMs),
    ratio(row.ratio),
    ratio(row.target),
    milliseconds(row.fastestMs),
    milliseconds(row.torchFastestMs),
    megabytes(row.peakMb),
    megabytes(row.torchPeakMb),
    engineWords.difference(row.differs),
  ])
  return [
    engineWords.heading(torchVersion),
    '',
    ...aligned([engineWords.columns(), ...lines], 1),
    '',
    engineWords.startup(totals.startupMs, totals.torchStartupMs),
    engineWords.memory(totals.peakMb, totals.torchPeakMb),
    engineWords.notes(),
  ].join('\n')
}

/** Operators of less than this share are left to --json. */
const leastShare = 0.01

export function profileTable(rows: readonly ProfileRow[]): string {
  const lines = rows
    .filter(({ share }) => share >= leastShare)
    .map((row) => [row.case, row.operator, engineWords.milliseconds(row.ms), engineWords.share(row.share)])
  return [engineWords.profileHeading(), '', ...aligned([engineWords.profileColumns(), ...lines], 2)].join('\n')
}

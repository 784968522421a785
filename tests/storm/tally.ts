/** How often each kind of fault has really come about: a storm that is none proves nothing. */
export const faultKinds = [
  'requestLost',
  'answerLost',
  'duplicated',
  'reordered',
  'truncated',
  'slow',
  'partition',
  'siteKilled',
  'siteKilledAtStep',
  'sitePowerCut',
  'sitePowerCutAtStep',
  'bytesLost',
  'bytesTorn',
  'bytesZeroed',
  'nameLost',
  'syncLost',
  'syncFails',
  'diskFull',
  'diskReadOnly',
  'clockJump',
  'withdrawal',
  'coordinatorKilled',
  'coordinatorKilledAtStep',
  'coordinatorPowerCut',
  'uploadTorn',
  'lateUpdateCounted',
] as const
export type FaultKind = (typeof faultKinds)[number]

export type Tally = { count(kind: FaultKind): void; readonly counts: Record<FaultKind, number> }

export const emptyCounts = (): Record<FaultKind, number> =>
  Object.fromEntries(faultKinds.map((kind) => [kind, 0])) as Record<FaultKind, number>

export function createTally(): Tally {
  const counts = emptyCounts()
  return {
    counts,
    count: (kind) => {
      counts[kind] += 1
    },
  }
}

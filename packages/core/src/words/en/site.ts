/** What a hospital's own process says: why something stays, and what it is doing. */
import type { ErrorSentences } from './errors.ts'

export const egressWords = {
  kind: () => 'The policy of this hospital does not list this kind of release.',
  study: (study: string) => `The policy of this hospital does not list the study ${study}.`,
  rounds: () => 'The policy of this hospital allows fewer rounds.',
}

export const siteWords = {
  waiting: () => 'waiting for work',
  /** What is waited for, why, and what somebody here can do about it. */
  waitingFor: ({ what, why, next }: ErrorSentences, seconds: number) =>
    `waiting: ${[what, why].filter((text) => text !== '').join(' ')} Trying again in ${seconds} s.${next === '' ? '' : ` ${next}`}`,
  notTold: (what: string) => `the researcher does not see that: ${what}`,
  back: () => 'working again',
  taskAccepted: (kind: string, round: number) =>
    ({
      prepare: 'surveying the training records',
      train: `training round ${round}`,
      evaluate: `measuring round ${round}`,
      finish: 'training alone and comparing',
    })[kind] ?? kind,
  taskDone: (kind: string, seconds: number) => `${kind} done in ${seconds.toFixed(1)} s`,
  goesOn: (done: number, parts: number) => `going on after ${done} of ${parts} epochs or steps that were done before`,
  noCheckpoint: (what: string) => `this training would start anew after a crash: ${what}`,
  taskRefused: (what: string, why: string) => `refused: ${what} ${why}`,
  taskFailed: (what: string, why: string) => `failed: ${what} ${why}`,
  offered: (study: string) => `a new study asks for approval: wardround site approve ${study}`,
  dropped: (task: string) => `${task} came too late; the next round counts again`,
  unwanted: (task: string) =>
    `${task} is wanted no more: its round has closed without it, or its study has ended. Nothing of it was sent`,
  fewerAtOnce: (asked: number, atOnce: number) =>
    `site.yaml asks for ${asked} trainings at once; there are processor cores for ${atOnce}, so ${atOnce} it is`,
  receivedDamaged: () => 'What was read from it is not what was received. It is received again.',
  workDamaged: () => 'What was read from it is not what was written. The task is done again.',
  findings: (sentence: string) => sentence,
}

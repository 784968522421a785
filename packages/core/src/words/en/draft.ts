/** The comments of a drafted study, for the researcher who completes it. */
import type { LeftOutReason } from '../../draft/study-sample.ts'

const reasons: Record<LeftOutReason, string> = {
  empty: 'it has no values',
  constant: 'every record has the same value',
  identifierName: 'by its name it may say who a patient is',
  everyValueDiffers:
    'every record has a value of its own: it may say who a patient is. Take it in if it is a measurement',
  date: 'dates can point to a person. Derive an age or a duration from it',
  text: 'free text, or too many different values. Group them into a few codes first',
}

export const draftWords = {
  heading: (file: string) => [
    `A study drafted from ${file}. Nobody has checked it: go through every line, and fill in what says so.`,
    'Each field is explained in docs/study.md. Then run: wardround study check FILE',
  ],
  question: () => 'Fill in: what should the model tell?',
  fillInQuestion: () => 'fill in',
  patient: () => 'whose record it is; check',
  patientMissing: () =>
    'no column looks like it; where a record is a patient, a site says: patient_id: { rowNumber: true }',
  target: (byName: boolean) => (byName ? 'guessed from its name; check' : 'only a guess; check'),
  unit: () => 'fill in the unit and the plausible range',
  unitFromName: () => 'unit from the name; check it, and the plausible range',
  codes: () => 'fill in what each code means',
  meaning: (code: string) => `meaning of ${code}`,
  named: (name: string) => `in this table: ${name}`,
  leftOut: () => 'Left out:',
  leftOutColumn: (name: string, reason: LeftOutReason) => `${name}: ${reasons[reason]}`,
  recipe: () => 'A first recipe. Choose a better one on training records only, never by test results.',
  unfitTarget: (name: string, reason: LeftOutReason) => `${name} cannot be predicted: ${reasons[reason]}.`,
  noColumns: () =>
    'No column is fit to learn from: each is empty, the same everywhere, text, or may identify a patient.',
} as const

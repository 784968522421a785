/** `wardround study init`: a first study document from what a table's columns look like, with what a person must still fill in. */
import { WardroundError } from '../errors.ts'
import { draftWords } from '../words/en/draft.ts'
import {
  type ColumnSample,
  type Guess,
  guessColumn,
  type LeftOutReason,
  soundsLikePatient,
  wordsOf,
} from './study-sample.ts'

export type DraftInput = {
  /** Becomes the study's name. */
  readonly name: string
  /** As a person knows it: for the heading and for errors. */
  readonly file: string
  readonly columns: readonly ColumnSample[]
  /** The column to predict, where a person has said so. */
  readonly target?: string
}

export type Draft = {
  /** YAML that parses as a study; units, meanings and the question are still to be filled in. */
  readonly text: string
  /** Names of the study, by the table's names. */
  readonly names: ReadonlyMap<string, string>
  readonly target: string
  readonly leftOut: readonly { readonly column: string; readonly reason: LeftOutReason }[]
}

type Column = { readonly sample: ColumnSample; readonly name: string; readonly guess: Guess }

/** Errors: WR_DATA_EMPTY, WR_DATA_COLUMN (no such target), WR_DATA_UNREADABLE (nothing to learn from). */
export function draftStudy({ name, file, columns: samples, target: wanted }: DraftInput): Draft {
  if (samples.every(({ records }) => records === 0)) throw new WardroundError('WR_DATA_EMPTY', { file })
  if (wanted !== undefined && !samples.some((sample) => sample.name === wanted))
    throw new WardroundError('WR_DATA_COLUMN', { column: wanted, available: samples.map((sample) => sample.name) })
  const columns = named(samples)
  const patient = columns.find(({ sample }) => soundsLikePatient(sample.name) && sample.name !== wanted)
  const usable = columns.filter((column) => column.guess.kind !== 'leftOut' && column !== patient)
  const target = wanted === undefined ? guessTarget(usable) : columns.find(({ sample }) => sample.name === wanted)
  const inputs = usable.filter((column) => column !== target)
  if (target === undefined || inputs.length === 0)
    throw new WardroundError('WR_DATA_UNREADABLE', { file, problem: draftWords.noColumns() })
  if (target.guess.kind === 'leftOut')
    throw new WardroundError('WR_DATA_UNREADABLE', {
      file,
      problem: draftWords.unfitTarget(target.sample.name, target.guess.reason),
    })
  const leftOut = columns.flatMap(({ sample, guess }) =>
    guess.kind === 'leftOut' && sample.name !== patient?.sample.name
      ? [{ column: sample.name, reason: guess.reason }]
      : [],
  )
  const outcome = outcomeOf(target, wanted !== undefined || soundsLikeTarget(target.sample.name))
  const text = [
    ...draftWords.heading(file).map(comment),
    'wardround: 1',
    `name: ${studyName(name)}`,
    withComment(`question: ${scalar(draftWords.question())}`, draftWords.fillInQuestion()),
    '',
    'data:',
    patient === undefined
      ? withComment(
          `  patient: ${freshName('patient_id', new Set(columns.map((column) => column.name)))}`,
          draftWords.patientMissing(),
        )
      : withComment(`  patient: ${patient.name}`, `${draftWords.patient()}${renamed(patient)}`),
    ...outcome.lines,
    '  columns:',
    ...inputs.flatMap(columnLines),
    ...(leftOut.length === 0 ? [] : [draftWords.leftOut()]).map((line) => `  ${comment(line)}`),
    ...leftOut.map(({ column, reason }) => `  ${comment(`  ${draftWords.leftOutColumn(quoted(column), reason)}`)}`),
    `  split: { test: 0.2, validation: 0.15${outcome.stratify ? ', stratify: target' : ''} }`,
    '  minimumCohort: 10',
    '',
    ...recipe(outcome),
  ].join('\n')
  return {
    text: `${text}\n`,
    names: new Map(columns.map(({ sample, name: own }) => [sample.name, own])),
    target: target.name,
    leftOut,
  }
}

/** Columns under names that a study allows, each its own. */
function named(samples: readonly ColumnSample[]): readonly Column[] {
  const taken = new Set<string>()
  return samples.map((sample) => {
    const name = freshName(columnName(sample.name), taken)
    taken.add(name)
    return { sample, name, guess: guessColumn(sample) }
  })
}

function columnName(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '')
  return (/^[A-Za-z]/.test(plain) ? plain : `column_${plain}`).slice(0, 50)
}

function freshName(stem: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}_${number}`
    if (!taken.has(name)) return name
  }
}

function studyName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  return plain.slice(0, 63) || 'study'
}

const targetWords = new Set(
  'target label outcome class diagnosis disease event death died dead deceased mortality survived malignant recurrence relapse readmitted result num y'.split(
    ' ',
  ),
)
const soundsLikeTarget = (name: string): boolean => wordsOf(name).some((word) => targetWords.has(word))

/** By name; else the last column with two values; else the last. */
const guessTarget = (usable: readonly Column[]): Column | undefined =>
  usable.findLast(({ sample }) => soundsLikeTarget(sample.name)) ??
  usable.findLast(({ guess }) => guess.kind === 'category' && guess.codes.length === 2) ??
  usable.at(-1)

type Outcome = {
  readonly lines: readonly string[]
  readonly loss: 'binaryCrossEntropy' | 'categoricalCrossEntropy' | 'meanSquaredError'
  readonly outputs: number
  readonly stratify: boolean
}

function outcomeOf(target: Column, byName: boolean): Outcome {
  const note = `${draftWords.target(byName)}${renamed(target)}`
  const head = `column: ${target.name}`
  const { guess, sample } = target
  if (guess.kind !== 'category') {
    const { unit } = unitOf(sample.name)
    const line = `  target: { ${head}, unit: ${scalar(unit)}, range: ${rangeText(sample)} }`
    return { lines: [withComment(line, note)], loss: 'meanSquaredError', outputs: 1, stratify: false }
  }
  const rule = positiveRule(guess.codes)
  if (rule !== undefined) {
    const line = withComment(`  target: { ${head}, positive: ${quoted(rule)} }`, note)
    return { lines: [line], loss: 'binaryCrossEntropy', outputs: 1, stratify: true }
  }
  const lines = ['  target:', withComment(`    ${head}`, note), withComment('    classes:', draftWords.codes())]
  const classes = guess.codes.map((code) => `      ${codeLine(code)}`)
  return {
    lines: [...lines, ...classes],
    loss: 'categoricalCrossEntropy',
    outputs: guess.codes.length,
    stratify: true,
  }
}

const affirmative = new Set([
  '1',
  'yes',
  'y',
  'true',
  't',
  'positive',
  'pos',
  'malignant',
  'm',
  'dead',
  'died',
  'deceased',
])

/** What counts as positive; undefined where the target has classes without an obvious one. */
function positiveRule(codes: readonly string[]): string | undefined {
  const numeric = codes.every((code) => /^-?\d+$/.test(code))
  const [first = '', second = ''] = codes
  if (numeric && codes.includes('0') && codes.every((code) => Number(code) >= 0)) return '> 0'
  if (codes.length !== 2) return undefined
  const positive = codes.find((code) => affirmative.has(code.toLowerCase())) ?? second
  if (numeric) return `= ${Math.max(Number(first), Number(second))}`
  return /\s/.test(positive) ? undefined : `in ${positive}`
}

function columnLines(column: Column): readonly string[] {
  const { sample, name, guess } = column
  if (guess.kind === 'category') {
    const head = withComment(`    ${name}:`, `${draftWords.codes()}${renamed(column)}`)
    return [head, '      type: category', '      values:', ...guess.codes.map((code) => `        ${codeLine(code)}`)]
  }
  const { unit, known } = unitOf(sample.name)
  const line = `    ${name}: { type: number, unit: ${scalar(unit)}, range: ${rangeText(sample)} }`
  return [withComment(line, `${known ? draftWords.unitFromName() : draftWords.unit()}${renamed(column)}`)]
}

/** A text code explains itself; a number does not. */
const codeLine = (code: string): string =>
  `${quoted(code)}: ${/^-?\d/.test(code) ? quoted(draftWords.meaning(code)) : quoted(code)}`

const renamed = ({ sample, name }: Column): string =>
  sample.name === name ? '' : `; ${draftWords.named(quoted(sample.name))}`

/** `Glucose (mg/dL)`, `glucose [mg/dL]`. */
function unitOf(name: string): { readonly unit: string; readonly known: boolean } {
  const unit = /[([]([^()[\]]{1,20})[)\]]\s*$/.exec(name)?.[1]?.trim() ?? ''
  return unit === '' ? { unit: '1', known: false } : { unit, known: true }
}

/** Rounded well beyond the values seen: the extremes of a table are somebody's, and a plan is published. */
function rangeText({ low, high }: ColumnSample): string {
  const span = high - low || Math.abs(high) || 1
  const digits = Math.min(100, Math.max(-20, -Math.floor(Math.log10(span))))
  const step = 10 ** -digits
  const round = (value: number): number => Number((value * step).toFixed(Math.max(0, digits)))
  const start = round(Math.floor((low - span / 4) / step))
  const end = round(Math.ceil((high + span / 4) / step))
  const floor = low >= 0 ? Math.max(0, start) : start
  return floor <= low && end >= high && floor < end && Number.isFinite(end) && Number.isFinite(floor)
    ? `[${floor}, ${end}]`
    : `[${low}, ${high > low ? high : low + 1}]`
}

const recipe = ({ loss, outputs }: Outcome): readonly string[] => [
  comment(draftWords.recipe()),
  'model:',
  '  layers:',
  `    - { dense: ${outputs}, name: output }`,
  'training:',
  `  loss: ${loss}`,
  '  optimizer: { sgd: { rate: 0.05, momentum: 0.9 } }',
  '  batch: 32',
  '  epochs: 5',
  '  l2: 0.01',
  'strategy: { fedAvg: {} }',
  'rounds:',
  '  maximum: 60',
  '  stop: { metric: loss, patience: 5, minimumChange: 0.0005 }',
  '  deadline: 10m',
]

const comment = (text: string): string => `# ${text}`
const withComment = (line: string, text: string): string => `${line} # ${text}`
/** JSON's strings are YAML's, on one line and without surprises. */
const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, unicodeEscape)
const unicodeEscape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
const scalar = (text: string): string => (/^[A-Za-z][A-Za-z0-9 /%]*$/.test(text) ? text : quoted(text))

/** `npm run bench -- exports`: models exported by PyTorch and Keras, trained one step here and there, and given back. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asWardroundError, WardroundError } from '@wardround/core/errors.ts'
import { apart, decided, relativeError } from './compare.ts'
import { pythonIn } from './environment.ts'
import { type Described, described, type Stored, stored } from './files.ts'
import { type Stepped, stepOf, writeModel } from './step.ts'
import { exportsWords } from './words.ts'

const models = [
  ...['resnet18', 'mobilenet_v3_small', 'densenet121', 'efficientnet_b0'],
  ...['unet', 'ecg_resnet1d', 'lstm_vitals', 'vit'],
]
const allWays = ['plain', 'legacy', 'optimised']
const keras = 'keras_cnn'

/** What counts as equal: of the loss and what a step changes, and of what the model predicts then. */
export const tolerances = { update: 1e-3, decided: 2e-4, prediction: 1e-4 }

export type ExportRow = {
  readonly model: string
  /** How it was exported: `plain` keeps PyTorch's own tensors, `optimised` merges and folds them, `legacy` is the exporter by tracing. */
  readonly way: string
  /** Why it is not trained, in the error's words; null where it is. */
  readonly problem: string | null
  /** Values that PyTorch learns; how many of its tensors are not in the file by their names, null where the exporter names none. */
  readonly parameters: number
  readonly missing: number | null
  readonly nodes: number | null
  readonly lossError: number | null
  /** Of the tensor that is the furthest from PyTorch's, of those that Float32 decides, relative to the largest change there; null where tensors are missing. */
  readonly updateError: number | null
  readonly updateTensor: string | null
  /** Tensors, statistics among them, that Float32 does not decide: PyTorch's own is not within `tolerances.decided` of its double precision. */
  readonly undecided: number | null
  /** Of the same tensors, against PyTorch's step in double precision; and of PyTorch's own Float32 against that. */
  readonly exactError: number | null
  readonly torchExactError: number | null
  /** null where there are none. */
  readonly statisticsError: number | null
  /** Of the file given back, in Python's ONNX Runtime, against PyTorch after its step. */
  readonly predictionError: number | null
  readonly ms: number | null
  readonly torchMs: number
  readonly startMs: number | null
}

export type ExportsReport = {
  readonly rows: readonly ExportRow[]
  readonly versions: Readonly<Record<string, string>>
  /** Models of which the plain export trains as in PyTorch, and of how many that is asked. */
  readonly trained: number
  readonly wanted: number
  /** Why there is no row of Keras; null where there is one. */
  readonly kerasProblem: string | null
}

type Options = {
  readonly only?: readonly string[]
  /** Of exporting; all of them. */
  readonly ways?: readonly string[]
  readonly environment?: string
  /** Keeps the files here. */
  readonly out?: string
  readonly note: (line: string) => void
  readonly signal: AbortSignal
}

export async function exportsBench(options: Options): Promise<ExportsReport> {
  const { only, environment, out, note, signal } = options
  const chosen = known(only, [...models, keras])
  const ways = known(options.ways, allWays)
  const folder = out ?? mkdtempSync(join(tmpdir(), 'wardround-exports-'))
  mkdirSync(folder, { recursive: true })
  try {
    return await measured(folder, { chosen, ways, environment, note, signal })
  } finally {
    if (out === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

/** All where none are given. Errors: WR_USAGE for a name that there is not. */
function known(given: readonly string[] | undefined, all: readonly string[]): readonly string[] {
  const unknown = given?.find((name) => !all.includes(name))
  if (unknown !== undefined)
    throw new WardroundError('WR_USAGE', { problem: exportsWords.unknown(unknown, all), command: 'bench' })
  return given ?? all
}

type Measuring = Pick<Options, 'note' | 'signal'> & {
  readonly chosen: readonly string[]
  readonly ways: readonly string[]
  readonly environment: string | undefined
}

async function measured(
  folder: string,
  { chosen, ways, environment, note, signal }: Measuring,
): Promise<ExportsReport> {
  const python = pythonIn(environment)
  const rows: ExportRow[] = []
  let versions: Readonly<Record<string, string>> = {}
  let kerasProblem: string | null = null
  for (const model of chosen) {
    if (signal.aborted) break
    note(exportsWords.running(model))
    if (model === keras && !python.has('keras')) {
      kerasProblem = exportsWords.noKeras()
      continue
    }
    if (model === keras) python.run('make_keras.py', [folder, model])
    else python.run('make_exports.py', [folder, model, ...ways])
    const told = described(folder, model)
    versions = { ...versions, ...told.versions }
    for (const way of model === keras ? ['keras'] : ways) {
      const { row, file } = await rowOf(folder, { model, way, told })
      if (file !== undefined) python.run('predict.py', [folder, model, file])
      const made = file === undefined ? undefined : stored(folder, `${file}.predictions`)
      rows.push(made === undefined ? row : { ...row, predictionError: predictionError(folder, model, made) })
    }
  }
  const plain = rows.filter(({ way }) => way === 'plain')
  // Seven of eight are asked for.
  const wanted = Math.max(0, plain.length - 1)
  return { rows, versions, trained: plain.filter(isEqual).length, wanted, kerasProblem }
}

const below = (error: number | null, limit: number): boolean => error !== null && error <= limit

export const isEqual = (row: ExportRow): boolean =>
  below(row.lossError, tolerances.update) &&
  below(row.updateError, tolerances.update) &&
  (row.statisticsError === null || below(row.statisticsError, tolerances.update)) &&
  below(row.predictionError, tolerances.prediction)

const predictionError = (folder: string, model: string, made: Stored): number =>
  relativeError(
    made.values.get('predictions') ?? [],
    stored(folder, `${model}.after`).values.get('predictions') ?? new Float32Array(),
  )

type One = { readonly model: string; readonly way: string; readonly told: Described }

/** `file` is what the trained model was written to. */
async function rowOf(folder: string, { model, way, told }: One): Promise<{ row: ExportRow; file?: string }> {
  const path = join(folder, `${model}.${way}.onnx`)
  const failed = (problem: string): { row: ExportRow } => ({ row: { ...emptyRow, ...sizes, problem } })
  const sizes = { model, way, parameters: told.size, torchMs: told.ms }
  if (!existsSync(path)) return failed(told.problems[way] ?? '')
  try {
    const step = await stepOf(path, stored(folder, `${model}.batch`), told)
    writeModel(join(folder, `${model}.${way}.trained.onnx`), step.trained)
    return { row: { ...emptyRow, ...sizes, ...figuresOf(folder, model, { step, told }) }, file: `${model}.${way}` }
  } catch (error) {
    const { code, sentences } = asWardroundError(error)
    return failed(`${code}: ${sentences.why}`)
  }
}

const emptyRow = {
  ...{
    problem: null,
    missing: null,
    nodes: null,
    lossError: null,
    updateError: null,
    updateTensor: null,
    undecided: null,
  },
  ...{ exactError: null, torchExactError: null, statisticsError: null, predictionError: null, ms: null, startMs: null },
}

function figuresOf(folder: string, model: string, { step, told }: { step: Stepped; told: Described }) {
  const after = stored(folder, `${model}.after`).values
  const known = new Set(step.names)
  const missing = told.parameters.filter((name) => !known.has(name)).length
  const isWhole = missing === 0 && told.parameters.length > 0
  const updates = (): { [name: string]: number | string | null } => {
    const names = told.parameters.map((name) => `${name}@velocity`)
    const exact = stored(folder, `${model}.exact`).values
    const decidedOf = (all: readonly string[]): string[] => decided(all, [after, exact], tolerances.decided)
    const [learnt, kept] = [decidedOf(names), decidedOf(step.statistics)]
    const [furthest] = apart(learnt, step.next, after)
    return {
      updateError: furthest?.error ?? null,
      updateTensor: furthest?.tensor ?? null,
      undecided: names.length + step.statistics.length - learnt.length - kept.length,
      exactError: apart(learnt, step.next, exact)[0]?.error ?? null,
      torchExactError: apart(learnt, after, exact)[0]?.error ?? null,
      statisticsError: apart(kept, step.next, after)[0]?.error ?? null,
    }
  }
  return {
    missing: told.parameters.length > 0 ? missing : null,
    nodes: step.nodes,
    lossError: Math.abs(step.loss / told.value - 1),
    ...(isWhole ? updates() : {}),
    ms: step.ms,
    startMs: step.startMs,
  }
}

/** A model of a file as a plan holds it: a graph without weights, in base64, which everybody who has the plan reads for himself. */
import type { FileLora, OnnxSpec } from '../../study/model.ts'
import { longestGraph } from '../../study/model-forms.ts'
import type { Weights } from '../../weights.ts'
import { importedWords } from '../../words/en/imported.ts'
import { decodeModel } from '../decode-model.ts'
import { encodeModel } from '../encode-model.ts'
import type { ElementType, Graph } from '../ir.ts'
import { type Network, readFilesBy } from '../network.ts'
import { shown } from '../shown.ts'
import { type Adapted, withAdapters } from './adapters.ts'
import { type Bare, bareOf, renamed } from './bare.ts'
import { invalid, refused } from './known.ts'
import { withoutLastActivation } from './last-activation.ts'
import { networkOfBare } from './network.ts'
import { type FormOptions, type PredictionForm, predictionForm } from './prediction-form.ts'
import { requireOpset } from './upgrade.ts'

export type Planned = {
  readonly graph: OnnxSpec['graph']
  /** First values, in model order; they have the file's memory. */
  readonly weights: Weights
  /** Those that stay as they are, since they have adapters. */
  readonly frozen: readonly string[]
}

/** What a plan says of a file, and of adapters in it. Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED; WR_STUDY_INVALID (adapters.ts). */
export function plannedModel(file: Uint8Array, lora?: FileLora): Planned {
  const model = decodeModel(file)
  requireOpset(model.opset)
  const { bare, weights } = bareOf(model)
  const names = new Map(weights.map(({ name }) => [name, planName(name)]))
  const own: Adapted = {
    graph: renamed(bare.graph, names),
    weights: weights.map(({ name, shape, data }) => ({ name: planName(name), shape, data: Float32Array.from(data) })),
    frozen: [],
  }
  const adapted = lora === undefined ? own : withAdapters(own.graph, own.weights, lora)
  const graph = encodeModel(adapted.graph, {}, bare.opset).toBase64()
  if (graph.length > longestGraph) throw refused(importedWords.tooLarge(kibOf(graph.length), kibOf(longestGraph)))
  return { ...adapted, graph }
}

const kibOf = (base64Length: number): number => Math.floor((base64Length * 3) / 4 / 1024)

/**
 * Names as they are in the file, where they are of parts (`layer1.0.weight`). Others, and what no such name has, get `model.` in front, so that none can be that
 * of a value of ours (`features`, `Add_1`, `const_0.5`).
 */
const isPlanName = (name: string): boolean => name.length <= 200 && /^(?!const_)\w+(?:\.[\w:/-]+)+$/.test(name)
function planName(name: string): string {
  const plain = name.replaceAll(/[^\w.:/-]/g, '_')
  return isPlanName(plain) ? plain : `model.${plain}`
}

/** What was read lately: each task, update and session asks for its study's. */
type Read = { readonly bare: Bare; readonly network: Network; readonly types: ReadonlyMap<string, ElementType> }
const recent = new Map<string, Read>()
const recentLimit = 8

function read(graph: string): Read {
  const known = recent.get(graph)
  if (known !== undefined) return known
  const bare = decodeModel(bytesOf(graph))
  const types = new Map<string, ElementType>()
  const network = networkOfBare(bare, {
    appended({ op, outputs: [name = ''] }, { b, values }) {
      if (op !== 'CastLike') return
      const known = values.get(name)
      types.set(name, 'constant' in known ? known.constant.type : b.info(known.name).type)
    },
    failed(_, error) {
      throw error
    },
  })
  for (const { name } of network.weights) if (!isPlanName(name)) throw invalid(importedWords.name(shown(name)))
  if (recent.size >= recentLimit) recent.clear()
  const made = { bare, network, types }
  recent.set(graph, made)
  return made
}

function bytesOf(graph: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(graph)
  } catch (error) {
    throw invalid('it is not base64', error)
  }
}

/** Errors: WR_GRAPH_INVALID, WR_GRAPH_REFUSED. */
export const plannedNetwork = ({ graph }: Pick<OnnxSpec, 'graph'>): Network => read(graph).network
readFilesBy(plannedNetwork)
export const plannedGraph = ({ graph }: Pick<OnnxSpec, 'graph'>): Graph => read(graph).bare.graph

/** Its nodes as others run them, from `input` to its logits. */
export function plannedForm({ graph }: Pick<OnnxSpec, 'graph'>, options?: Omit<FormOptions, 'types'>): PredictionForm {
  const { bare, types } = read(graph)
  return predictionForm({ ...bare, graph: withoutLastActivation(bare.graph).graph }, { ...options, types })
}

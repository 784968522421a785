/** From a study's list of layers to layers with their names and extents worked out. */
import { type LayerKind, layerKinds } from '../../study/layer-kinds.ts'
import type { LayerSpec, SpecOf } from '../../study/layers.ts'
import { activationLayer } from './activation.ts'
import { flattenLayer, permuteLayer, reshapeLayer } from './arrangement.ts'
import { selfAttentionLayer } from './attention.ts'
import { addLayer, concatLayer } from './branches.ts'
import { convolutionLayer, depthwiseLayer, transposedLayer } from './convolution.ts'
import { denseLayer } from './dense.ts'
import { dropoutLayer } from './dropout.ts'
import { embeddingLayer, positionalEncodingLayer } from './embedding.ts'
import { type Extents, type Layer, misfit, type Place } from './layer.ts'
import {
  batchNormalizationLayer,
  groupNormalizationLayer,
  layerNormalizationLayer,
  rmsNormalizationLayer,
} from './normalization.ts'
import { adaptivePoolingLayer, globalPoolingLayer, poolingLayer } from './pooling.ts'
import { recurrentLayer } from './recurrent.ts'
import { upsampleLayer } from './upsampling.ts'

type Makers = { readonly [K in LayerKind]: (spec: SpecOf<K>, place: Place, names: Names) => Layer }

const makers: Makers = {
  dense: denseLayer,
  dropout: dropoutLayer,
  conv1d: (spec, place) => convolutionLayer(spec, place, { ...spec, filters: spec.conv1d, axes: 1 }),
  conv2d: (spec, place) => convolutionLayer(spec, place, { ...spec, filters: spec.conv2d, axes: 2 }),
  conv3d: (spec, place) => convolutionLayer(spec, place, { ...spec, filters: spec.conv3d, axes: 3 }),
  conv1dTranspose: (spec, place) => transposedLayer(spec, place, { filters: spec.conv1dTranspose, axes: 1 }),
  conv2dTranspose: (spec, place) => transposedLayer(spec, place, { filters: spec.conv2dTranspose, axes: 2 }),
  conv3dTranspose: (spec, place) => transposedLayer(spec, place, { filters: spec.conv3dTranspose, axes: 3 }),
  depthwiseConv1d: (spec, place) => depthwiseLayer(spec, place, { each: spec.depthwiseConv1d, axes: 1 }),
  depthwiseConv2d: (spec, place) => depthwiseLayer(spec, place, { each: spec.depthwiseConv2d, axes: 2 }),
  flatten: (_, place) => flattenLayer(place),
  reshape: reshapeLayer,
  permute: permuteLayer,
  upsample: upsampleLayer,
  maxPool1d: (spec, place) => poolingLayer(spec, place, { op: 'MaxPool', size: spec.maxPool1d, axes: 1 }),
  maxPool2d: (spec, place) => poolingLayer(spec, place, { op: 'MaxPool', size: spec.maxPool2d, axes: 2 }),
  maxPool3d: (spec, place) => poolingLayer(spec, place, { op: 'MaxPool', size: spec.maxPool3d, axes: 3 }),
  averagePool1d: (spec, place) => poolingLayer(spec, place, { op: 'AveragePool', size: spec.averagePool1d, axes: 1 }),
  averagePool2d: (spec, place) => poolingLayer(spec, place, { op: 'AveragePool', size: spec.averagePool2d, axes: 2 }),
  averagePool3d: (spec, place) => poolingLayer(spec, place, { op: 'AveragePool', size: spec.averagePool3d, axes: 3 }),
  globalMaxPool: (_, place) => globalPoolingLayer(place, 'GlobalMaxPool'),
  globalAveragePool: (_, place) => globalPoolingLayer(place, 'GlobalAveragePool'),
  adaptiveAveragePool: adaptivePoolingLayer,
  batchNormalization: batchNormalizationLayer,
  groupNormalization: (spec, place) => groupNormalizationLayer(spec.groupNormalization, place),
  instanceNormalization: (spec, place) =>
    groupNormalizationLayer({ groups: place.input[0] ?? 1, ...spec.instanceNormalization }, place),
  layerNormalization: layerNormalizationLayer,
  rmsNormalization: rmsNormalizationLayer,
  embedding: embeddingLayer,
  gru: (spec, place) => recurrentLayer({ op: 'GRU', units: spec.gru, ...spec }, place),
  lstm: (spec, place) => recurrentLayer({ op: 'LSTM', units: spec.lstm, ...spec }, place),
  selfAttention: selfAttentionLayer,
  positionalEncoding: (_, place) => positionalEncodingLayer(place),
  residual: (spec, place, names) =>
    addLayer(place, [resolveList(spec.residual, place.input, names), []], spec.activation),
  add: (spec, place, names) =>
    addLayer(
      place,
      spec.add.map((branch) => resolveList(branch, place.input, names)),
      spec.activation,
    ),
  concat: (spec, place, names) =>
    concatLayer(
      place,
      spec.concat.map((branch) => resolveList(branch, place.input, names)),
    ),
  activation: (spec, place) => activationLayer(spec.activation, place),
}

/** What a layer is: the one key that says so. Many kinds have an `activation`, too, which alone is a layer of its own. */
export const kindOf = (spec: LayerSpec): LayerKind =>
  layerKinds.find((kind) => Object.hasOwn(spec, kind)) ?? 'activation'

/** Gives each layer a name: its own, or `dense`, `dense_2`, … as they come; Keras counts from `dense_1`. */
export type Names = (kind: string, given: string | undefined) => string

function namesOf(): Names {
  const taken = new Set<string>()
  return (kind, given) => {
    const name = given ?? freshName(kind, taken)
    if (taken.has(name)) throw misfit('model.layers', `two layers are called ${name}`)
    taken.add(name)
    return name
  }
}

function freshName(stem: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? stem : `${stem}_${number}`
    if (!taken.has(name)) return name
  }
}

function resolveList(specs: readonly LayerSpec[], input: Extents, names: Names): readonly Layer[] {
  let extents = input
  return specs.map((spec) => {
    const layer = make(spec, extents, names)
    extents = layer.output
    return layer
  })
}

function make(spec: LayerSpec, input: Extents, names: Names): Layer {
  const kind = kindOf(spec)
  const place = { name: names(kind, spec.name), input }
  // The kind is the specification's own: the compiler cannot see that.
  const maker = makers[kind] as (spec: LayerSpec, place: Place, names: Names) => Layer
  return maker(spec, place, names)
}

/** Errors: WR_STUDY_INVALID for names twice and extents that do not fit. */
export const resolveLayers = (specs: readonly LayerSpec[], input: Extents): readonly Layer[] =>
  resolveList(specs, input, namesOf())

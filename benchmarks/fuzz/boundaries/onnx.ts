/** Model files: read, held against the safelist, shapes worked out (packages/core/src/graph/decode-model.ts, safelist.ts, shapes/). */
import { decodeModel } from '@wardround/core/graph/decode-model.ts'
import { encodeModel } from '@wardround/core/graph/encode-model.ts'
import { float, type Graph, int, ints, type Tensor, text } from '@wardround/core/graph/ir.ts'
import { checkGraph } from '@wardround/core/graph/safelist.ts'
import { inferNode, shapedOperators } from '@wardround/core/graph/shapes/registry.ts'
import type { TypedShape } from '@wardround/core/graph/shapes/rule.ts'
import fc from 'fast-check'
import fixture from '../../../packages/core/src/graph/fixtures/onnx.json' with { type: 'json' }
import { drawCase, operatorCases } from '../../../packages/core/src/graph/testing/cases/registry.ts'
import { graphOf } from '../../../packages/core/src/graph/testing/uses.ts'
import type { Boundary, Bytes } from '../boundary.ts'
import { hostileModels } from '../hostile-models.ts'
import { protobufMutator } from '../mutate/protobuf.ts'

/** As the builder does it for its own graphs; a graph of another's hand must not surprise it. */
function inferAll({ inputs, initializers, nodes }: Graph): void {
  const infos = new Map<string, TypedShape>([...inputs, ...initializers].map((value) => [value.name, value]))
  const constants = new Map<string, Tensor>(initializers.map((tensor) => [tensor.name, tensor]))
  for (const node of nodes) {
    if (!shapedOperators.has(node.op)) return
    const known = node.inputs.filter((name) => infos.has(name))
    if (known.length < node.inputs.length) return
    const typed = inferNode(node, {
      info: (name) => infos.get(name) ?? { type: 'float32', shape: [] },
      constant: (name) => constants.get(name),
    })
    for (const [index, output] of node.outputs.entries()) {
      const value = typed[index]
      if (value !== undefined) infos.set(output, value)
    }
  }
}

const attribute = fc.oneof(
  fc.integer().map(int),
  fc.float({ noNaN: true }).map(float),
  fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 4 }).map(ints),
  fc.string().map(text),
)
const names = fc.constantFrom('x', 'y', 'w', 'axes', '')
const extent = fc.oneof(fc.nat(4), fc.constantFrom('batch', 'rows'))
const graphs = fc
  .record({
    ops: fc.array(
      fc.record({
        op: fc.constantFrom(...shapedOperators, 'Scan', 'Constant'),
        inputs: fc.array(names, { maxLength: 3 }),
        attributes: fc.dictionary(fc.constantFrom('axis', 'perm', 'to', 'keepdims', 'allowzero', 'transA'), attribute),
      }),
      { maxLength: 4 },
    ),
    shape: fc.array(extent, { maxLength: 3 }),
    axes: fc.array(fc.integer({ min: -3, max: 6 }), { maxLength: 4 }),
  })
  .map(({ ops, shape, axes }): Graph => {
    const value = (name: string) => ({ name, type: 'float32' as const, shape })
    return {
      name: 'made',
      inputs: [value('x'), value('y')],
      outputs: [value('x')],
      initializers: [
        { name: 'axes', type: 'int64', shape: [axes.length], data: BigInt64Array.from(axes, BigInt) },
        { name: 'w', type: 'float32', shape: [2, 2], data: new Float32Array(4) },
      ],
      nodes: ops.map((node, index) => ({ ...node, domain: '', outputs: [`n${index}`] })),
    }
  })

/** A small graph of each operator, as the tests of its shape rule draw them. */
const ofOperators = (): Bytes[] =>
  Object.keys(operatorCases).map((op) => {
    const [g] = fc.sample(fc.gen(), { numRuns: 1, seed: 1 })
    if (g === undefined) throw new Error('Nothing was drawn.')
    const { b, ys } = graphOf(drawCase(g, op, operatorCases))
    return encodeModel(b.build(op, ys))
  })

export const onnx: Boundary = {
  name: 'onnx',
  codes: ['WR_GRAPH_INVALID', 'WR_GRAPH_REFUSED'],
  seeds: [
    ...[fixture.ours.bytes, fixture.theirs.bytes, fixture.sound, ...fixture.refused.map(({ bytes }) => bytes)].map(
      (base64) => Uint8Array.fromBase64(base64),
    ),
    ...ofOperators(),
  ],
  documents: graphs.map((graph) => encodeModel(graph)),
  mutators: [protobufMutator],
  words: ['ai.onnx', 'Scan', 'Reshape', 'Gather', '__proto__', 'axis', 'perm', 'batch'],
  alone: { megabytes: 200, ms: 1000, hostile: () => Object.values(hostileModels).map((make) => make()) },
  sources: /packages\/core\/src\/graph\/(?:(?:decode-model|safelist|ir)\.ts|shapes\/)|@bufbuild\/protobuf/,
  open: () => ({
    take(input) {
      const { graph } = decodeModel(input)
      checkGraph(graph)
      inferAll(graph)
      return 'accepted'
    },
    close: () => undefined,
  }),
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { modelSchema } from '../study/model.ts'
import { run } from './interpreter/interpret.ts'
import { float32, numbers } from './interpreter/values.ts'
import { maskFiguresGraph } from './mask-figures.ts'
import { predictionGraph } from './prediction.ts'
import { checkGraph } from './safelist.ts'

const [height, width] = [2, 3]
const pixels = height * width
const inputs = [1, height, width]

/** A convolution of one pixel: each output is a line in the level. */
const modelOf = (outputs: number) => modelSchema.parse({ layers: [{ conv2d: outputs, kernel: 1, name: 'output' }] })

const some = (length: number, [min, max]: readonly [number, number]) =>
  fc.array(fc.integer({ min, max }), { minLength: length, maxLength: length })
const drawn = fc.integer({ min: 1, max: 4 }).chain((outputs) =>
  fc.record({
    outputs: fc.constant(outputs),
    rows: fc.array(fc.record({ levels: some(pixels, [0, 255]), labels: some(pixels, [0, Math.max(1, outputs - 1)]) }), {
      minLength: 1,
      maxLength: 3,
    }),
    slopes: some(outputs, [-9, 9]),
    starts: some(outputs, [-9, 9]),
  }),
)
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

test('counts of pixels are those of what is predicted, and the loss is Dice by hand', () => {
  fc.assert(
    fc.property(drawn, ({ outputs, rows, slopes, starts }) => {
      const options = { model: modelOf(outputs), inputs, pixels: true, loss: 'dice' } as const
      const graph = maskFiguresGraph(options)
      checkGraph(graph)
      const bytes = (data: readonly number[]) => ({ type: 'uint8', shape: [rows.length, ...inputs], data }) as const
      const feeds = {
        features: bytes(rows.flatMap(({ levels }) => levels)),
        'pixels/mean': float32([1, 1, 1], [128]),
        'pixels/deviation': float32([1, 1, 1], [64]),
        'output.kernel': float32([outputs, 1, 1, 1], slopes),
        'output.bias': float32([outputs], starts),
      }
      const target = bytes(rows.flatMap(({ labels }) => labels))
      const found = numbers(run(graph, { ...feeds, target }).prediction ?? assert.fail()).data
      const predicted = numbers(run(predictionGraph(options), feeds).prediction ?? assert.fail()).data
      const labels = Math.max(2, outputs)
      for (const [row, { labels: truth }] of rows.entries()) {
        const own = found.slice(row * (1 + 3 * labels), (row + 1) * (1 + 3 * labels))
        const probabilities = Array.from({ length: outputs }, (_, output) =>
          predicted.slice((row * outputs + output) * pixels, (row * outputs + output + 1) * pixels),
        )
        const marked = truth.map((_, pixel) => {
          const all = probabilities.map((output) => output[pixel] ?? Number.NaN)
          return outputs === 1 ? Number((all[0] ?? 0) >= 0.5) : all.indexOf(Math.max(...all))
        })
        const count = (of: (label: number, pixel: number) => boolean) =>
          Array.from({ length: labels }, (_, label) => truth.filter((_, pixel) => of(label, pixel)).length)
        const wanted = [
          ...count((label, pixel) => marked[pixel] === label && truth[pixel] === label),
          ...count((label, pixel) => marked[pixel] === label),
          ...count((label, pixel) => truth[pixel] === label),
        ]
        assert.deepEqual(own.slice(1), wanted)
        const dice = probabilities.map((p, output) => {
          const g = truth.map((value) => Number(value === (outputs === 1 ? 1 : output)))
          const both = sum(p.map((value, pixel) => value * (g[pixel] ?? 0)))
          return 1 - (2 * both + 1e-5) / (sum(p) + sum(g) + 1e-5)
        })
        assert.ok(Math.abs((own[0] ?? Number.NaN) - sum(dice) / outputs) < 1e-4, `${own[0]}, ${dice}`)
      }
    }),
    { numRuns: 60 },
  )
})

test('a loss that is not one of masks is refused', () => {
  const options = { model: modelOf(1), inputs, pixels: true, loss: 'binaryCrossEntropy' } as const
  assert.throws(() => maskFiguresGraph(options), { code: 'WR_GRAPH_REFUSED' })
})

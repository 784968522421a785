import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { stepKernelAt } from './step-kernel.ts'
import { addStep, divide } from './step-sum.ts'
import { squareSum } from './vector.ts'
import { type Take, workbench } from './workbench.ts'

const bench = workbench(1 << 16)

const run = fc.record({
  weights: fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 50 }),
  divisor: fc.double({ noNaN: true, min: 1e-3, max: 1e9 }),
  shift: fc.nat({ max: 3 }),
})

for (const [where, takeOf] of [
  ['plain memory', (): Take => (sizeBytes) => new Uint8Array(sizeBytes)],
  ['a workbench', () => bench.begin()],
] as const)
  test(`in ${where}, each coordinate is rounded once, squares are summed from low to high, and nothing around changes`, () => {
    fc.assert(
      fc.property(run, ({ weights: values, divisor, shift }) => {
        const take = takeOf()
        const around: { readonly bytes: Uint8Array; readonly value: number }[] = []
        const place = (elementBytes: number): [ArrayBuffer, number, number] => {
          // Another value each time: what is made of neighbours is not what it is written over.
          const value = 60 + around.length
          const bytes = take((values.length + 8) * elementBytes).fill(value)
          const from = shift * elementBytes
          for (const part of [bytes.subarray(0, from), bytes.subarray(from + values.length * elementBytes)])
            around.push({ bytes: part, value })
          return [bytes.buffer, bytes.byteOffset + from, values.length]
        }
        const weights = new Float32Array(...place(4))
        weights.set(values)
        const step = new Float64Array(...place(8))
        // Sums that Float32 and Float64 round otherwise, and both zeros.
        for (let i = 0; i < step.length; i++) step[i] = i % 5 === 0 ? -0 : (values[i] ?? 0) / 3 - i
        const next = new Float32Array(...place(4))

        addStep(weights, step, next)
        const sums = Float32Array.from(values, (value, i) => value + (step[i] ?? 0))
        assert.deepEqual(next, sums)
        const quotients = Float64Array.from(step, (value) => value / divisor)
        assert.equal(divide(step, divisor), squareSum(quotients))
        assert.deepEqual(step, quotients)
        for (const { bytes, value } of around) assert.ok(bytes.every((byte) => byte === value))
      }),
      { numRuns: 300 },
    )
  })

test('a workbench of these tests has the kernel, and plain memory has none', () => {
  assert.ok(stepKernelAt(bench.begin()(8).buffer) !== undefined)
  assert.equal(stepKernelAt(new ArrayBuffer(8)), undefined)
})

test('by hand: (3, −8) / 2, and what it makes of (1, 1)', () => {
  const step = Float64Array.of(3, -8)
  assert.equal(divide(step, 2), 1.5 ** 2 + 16)
  const next = new Float32Array(2)
  addStep(Float32Array.of(1, 1), step, next)
  assert.deepEqual(next, Float32Array.of(2.5, -3))
})

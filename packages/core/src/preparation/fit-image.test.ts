import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { fitImage, haveSameProportions, type Picture, unfitMask } from './fit-image.ts'
import cases from './fixtures/images.json' with { type: 'json' }

for (const { width, height, channels, levels, wanted, fitted } of cases)
  test(`${channels} × ${height} × ${width} to ${wanted.channels} × ${wanted.size.join(' × ')}, ${wanted.fit}${'background' in wanted ? ', nearest' : ''}: as Pillow`, () => {
    const picture = { width, height, channels: channels as 1 | 3, levels: Uint8Array.from(levels) }
    const [to, across] = wanted.size
    const spec = {
      size: [to ?? 0, across ?? 0] as [number, number],
      channels: wanted.channels as 1 | 3,
      ...('background' in wanted ? { background: wanted.background } : {}),
    }
    assert.deepEqual([...fitImage(picture, { ...spec, fit: wanted.fit as 'pad' | 'stretch' })], fitted)
  })

const extent = fc.integer({ min: 1, max: 24 })
const picture = fc
  .record({ width: extent, height: extent, channels: fc.constantFrom(1 as const, 3 as const) })
  .chain((size): fc.Arbitrary<Picture> => {
    const length = size.width * size.height * size.channels
    return fc.uint8Array({ minLength: length, maxLength: length }).map((levels) => ({ ...size, levels }))
  })
const wanted = fc.record({
  size: fc.tuple(extent, extent),
  channels: fc.constantFrom(1 as const, 3 as const),
  fit: fc.constantFrom('pad' as const, 'stretch' as const),
})

test('an image of any size is brought to the one that is wanted, and no brighter or darker than it was', () => {
  fc.assert(
    fc.property(picture, wanted, (given, spec) => {
      const fitted = fitImage(given, spec)
      assert.equal(fitted.length, spec.channels * spec.size[0] * spec.size[1])
      const most = given.levels.reduce((max, level) => Math.max(max, level), 0)
      // Weights are rounded one by one: together they may be more than one by a little.
      for (const level of fitted) assert.ok(level <= most + 1)
      if (spec.fit === 'stretch') {
        const least = given.levels.reduce((min, level) => Math.min(min, level), 255)
        for (const level of fitted) assert.ok(level >= least - 1)
      }
    }),
  )
})

test('a mask that was brought to a size at least as large comes back as it was', () => {
  const sides = fc.tuple(extent, extent, extent, extent)
  fc.assert(
    fc.property(
      sides,
      fc.constantFrom('pad' as const, 'stretch' as const),
      fc.nat(),
      ([h, w, down, across], fit, seed) => {
        const levels = Uint8Array.from({ length: h * w }, (_, pixel) => (pixel * 37 + seed) % 5)
        const larger = fit === 'stretch' ? 1 : Math.max(h, w)
        const spec = { size: [h * larger + down, w * larger + across] as [number, number], fit }
        const fitted = fitImage({ width: w, height: h, channels: 1, levels }, { ...spec, channels: 1, background: 9 })
        assert.deepEqual(unfitMask(fitted, spec, { width: w, height: h }), levels)
      },
    ),
  )
})

test('what lay beside a picture is no part of it, and what was made smaller comes back in blocks', () => {
  // 4 × 2 within 2 × 4: a row of two pixels, with a row of nothing below.
  const labels = Uint8Array.of(1, 2, 7, 7)
  const size: [number, number] = [2, 2]
  assert.deepEqual([...unfitMask(labels, { size, fit: 'pad' }, { width: 4, height: 2 })], [1, 1, 2, 2, 1, 1, 2, 2])
  assert.deepEqual([...unfitMask(labels, { size, fit: 'stretch' }, { width: 4, height: 2 })], [1, 1, 2, 2, 7, 7, 7, 7])
})

test('proportions are the same where one picture is the other’s, made larger or smaller and rounded', () => {
  const side = fc.integer({ min: 1, max: 4000 })
  fc.assert(
    fc.property(side, side, fc.double({ min: 0.05, max: 1, noNaN: true }), (width, height, scale) => {
      const smaller = {
        width: Math.max(1, Math.round(width * scale)),
        height: Math.max(1, Math.round(height * scale)),
      }
      assert.ok(haveSameProportions({ width, height }, smaller))
      assert.ok(haveSameProportions(smaller, { width, height }))
    }),
  )
  for (const [width, height] of [
    [512, 512],
    [240, 320],
    [256, 195],
    [20, 10],
  ] as const)
    assert.equal(haveSameProportions({ width, height }, { width: 512, height: 384 }), false, `${width} × ${height}`)
})

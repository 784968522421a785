import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { fitImage, type Picture } from './fit-image.ts'
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

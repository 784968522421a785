import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { decodePicture } from './decode.ts'
import cases from './fixtures/pictures.json' with { type: 'json' }

for (const { name, bytes, levels, ...expected } of cases)
  test(`a ${name} has the levels that Pillow reads`, () => {
    const picture = decodePicture(Buffer.from(bytes, 'base64'))
    assert.ok(picture !== undefined)
    const { levels: own, ...rest } = picture
    assert.deepEqual(rest, expected)
    assert.equal(own.length, levels.length)
    // Decoders of JPEG may differ in how they round: by the standard's test, and not in more than two levels here.
    const tolerance = name.endsWith('jpeg') ? 2 : 0
    for (const [index, level] of own.entries()) assert.ok(Math.abs(level - (levels[index] ?? Number.NaN)) <= tolerance)
  })

test('what is no picture, cut short, or claims to be huge is not read', () => {
  const [png = '', jpeg = ''] = ['colour png', 'colour jpeg'].map(
    (name) => cases.find((own) => own.name === name)?.bytes,
  )
  for (const text of [png, jpeg]) {
    const bytes = Buffer.from(text, 'base64')
    assert.ok(decodePicture(bytes) !== undefined)
    assert.equal(decodePicture(bytes.subarray(0, bytes.length >> 1)), undefined)
  }
  assert.equal(decodePicture(new Uint8Array()), undefined)
  assert.equal(decodePicture(Buffer.from('GIF89a')), undefined)
  const huge = Buffer.from(png, 'base64')
  huge.writeUInt32BE(100_000, 16)
  huge.writeUInt32BE(100_000, 20)
  assert.equal(decodePicture(huge), undefined)
})

test('bytes by chance never throw, and a picture has the levels that it says', () => {
  const starts = cases.map(({ bytes }) => Buffer.from(bytes, 'base64'))
  const damaged = fc
    .tuple(fc.constantFrom(...starts), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }))
    .map(([bytes, changes]) => {
      const own = Uint8Array.from(bytes)
      for (const [at, value] of changes) own[8 + (at % (own.length - 8))] = value
      return own
    })
  fc.assert(
    fc.property(damaged, (bytes) => {
      const picture = decodePicture(bytes)
      if (picture !== undefined) assert.equal(picture.levels.length, picture.width * picture.height * picture.channels)
    }),
    { numRuns: 300 },
  )
})

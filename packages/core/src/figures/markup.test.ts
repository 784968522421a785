import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escapeText, h, render } from './markup.ts'
import { named, readXml, textOf } from './testing/xml-reader.ts'

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '</title><script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onload='x",
    '<!--',
    ']]>',
    '&lt;',
  ),
)
/** What XML cannot hold comes back as U+FFFD; all else as it was. */
const printable = (text: string): string =>
  [...text.toWellFormed()]
    .map((character) => (isPrintable(character.codePointAt(0) ?? 0) ? character : '\ufffd'))
    .join('')
const isPrintable = (code: number): boolean =>
  code >= 0x20 ? code !== 0xfffe && code !== 0xffff : [0x9, 0xa, 0xd].includes(code)

test('text stays text and attributes stay attributes, whatever they hold', () => {
  fc.assert(
    fc.property(hostile, hostile, (text, value) => {
      const root = readXml(render(h('svg', { class: value }, [h('text', {}, text), text])))
      assert.equal(root.attributes.class, printable(value))
      assert.deepEqual(Object.keys(root.attributes), ['class'])
      assert.equal(named(root, 'text').length, 1)
      assert.equal(textOf(root), printable(text).repeat(2))
    }),
  )
})

test('the five characters of markup are escaped', () => {
  assert.equal(escapeText(`<a b="c" d='e'>&`), '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;')
})

test('attributes: undefined and false are left out, true has no value, numbers are rounded to hundredths', () => {
  assert.equal(
    render(h('line', { a: undefined, b: false, c: true, x1: 1.23456, x2: -0.001 })),
    '<line c="" x1="1.23" x2="0"></line>',
  )
})

test('elements without an end are not closed; lists are flattened', () => {
  assert.equal(render([h('br'), [h('b', {}, ['x', [h('i', {}, 'y')]])]]), '<br><b>x<i>y</i></b>')
})

test('a style sheet is written as it is, and refused where it could end itself', () => {
  assert.equal(render(h('style', {}, 'a > b { content: "&" }')), '<style>a > b { content: "&" }</style>')
  assert.throws(() => render(h('style', {}, '</style><script>')), { code: 'WR_INTERNAL' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagram } from '../graph/inspect/diagram.ts'
import { diagramFigure } from './diagram.ts'
import { render } from './markup.ts'
import { named, readXml, textOf } from './testing/xml-reader.ts'

const diagram: Diagram = {
  input: [3, 8, 8],
  boxes: [
    {
      operators: [
        { op: 'Conv', count: 1 },
        { op: 'Reshape', count: 2 },
      ],
      name: 'stem',
      output: [16, 8, 8],
      parameters: 1234,
    },
    { operators: [{ op: 'Add', count: 1 }], name: '', output: [16, 8, 8], parameters: 0 },
  ],
  edges: [
    [-1, 0],
    [0, 1],
    [-1, 1],
  ],
}

test('a picture is XML that says what it shows, with a box for the example and one for each of the others, and a line an edge', () => {
  const root = readXml(render(diagramFigure('model.onnx', diagram)))
  assert.equal(root.attributes.role, 'img')
  const [title, description] = ['title', 'desc'].map((name) => named(root, name)[0] ?? assert.fail())
  assert.equal(root.attributes['aria-labelledby'], `${title?.attributes.id} ${description?.attributes.id}`)
  assert.match(textOf(title ?? assert.fail()), /model\.onnx/)
  assert.match(textOf(description ?? assert.fail()), /3 × 8 × 8 .* to 16 × 8 × 8/)
  assert.equal(named(root, 'path').filter(({ attributes }) => attributes['marker-end'] !== undefined).length, 3)
  const texts = named(root, 'text').map(textOf)
  assert.deepEqual(texts, [
    'example',
    '3 × 8 × 8',
    // What only lays values out anew is left out.
    'Conv',
    'stem',
    '→ 16 × 8 × 8, 1,234 parameters',
    'Add',
    '→ 16 × 8 × 8',
  ])
  assert.deepEqual(
    named(root, 'rect').flatMap(({ attributes }) => attributes.class ?? []),
    ['wr-fill-paper', 'wr-example', 'wr-learnt', 'wr-plain'],
  )
})

test('the same model gives the same picture, and what is in a file stays text', () => {
  const [box] = diagram.boxes
  const hostile: Diagram = {
    ...diagram,
    boxes: [{ ...(box ?? assert.fail()), name: '</style><script>alert(1)</script>' }],
    edges: [[-1, 0]],
  }
  const text = render(diagramFigure('<b>', hostile))
  assert.equal(text, render(diagramFigure('<b>', structuredClone(hostile))))
  assert.deepEqual(named(readXml(text), 'script'), [])
  assert.deepEqual(named(readXml(text), 'b'), [])
})

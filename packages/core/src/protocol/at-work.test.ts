import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atWorkIn, atWorkText, mostAtOnce } from './at-work.ts'
import { taskIdSchema } from './task.ts'

const taskId = fc.stringMatching(/^[a-z0-9-]{1,160}$/)

test('what a site says of its work is read as it was said, and fits into a head', () => {
  const work = fc.record(
    {
      room: fc.nat({ max: mostAtOnce }),
      tasks: fc.array(taskId, { minLength: 1, maxLength: mostAtOnce }),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(work, (said) => {
      const text = atWorkText(said)
      assert.deepEqual(atWorkIn(text), said)
      assert.ok(text.length <= 2 + mostAtOnce * 161)
      for (const id of said.tasks) assert.ok(taskIdSchema.safeParse(id).success)
    }),
  )
})

test('any other text says nothing', () => {
  const many = Array.from({ length: mostAtOnce + 1 }, (_, index) => `t-${index}`)
  const texts = ['', '1', '1 ', 'a', '-1 a', '100 a', '1 A', '1  a', '1 a ', ' 1 a', '1 a\n', `1 ${'a'.repeat(161)}`]
  for (const text of [...texts, atWorkText({ room: 1, tasks: many })]) assert.equal(atWorkIn(text), undefined, text)
})

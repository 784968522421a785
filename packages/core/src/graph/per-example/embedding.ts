/**
 * Per-example gradients of a table whose rows are looked up. What flows back to the places that have the same row is added up: the squared norm is the sum over
 * pairs of places with the same row of their products (Li et al. 2022, section 4).
 */
import { sizeOf } from '../../weights.ts'
import type { GraphBuilder } from '../builder.ts'
import { scaled } from '../gradients/elementwise.ts'
import { gradientRules } from '../gradients/registry.ts'
import { fixedShape, inputOf, outputOf } from '../gradients/rule.ts'
import { int, intAttribute, ints, type Node } from '../ir.ts'
import { margin } from './dense.ts'
import type { Meeting, MeetingRule } from './meeting.ts'
import type { Share } from './share.ts'
import { rowsOf, type Spread } from './spread.ts'

export const embedding: MeetingRule = (meeting) => {
  const { b, node } = meeting
  const [table, indices] = [inputOf(node, 0), inputOf(node, 1)]
  const [at, flowAt] = [meeting.at(indices), meeting.at(outputOf(node))]
  if (at === undefined || flowAt === undefined || intAttribute(node, 'axis', 0) !== 0) return undefined
  if (b.shape(table).length === 0) return undefined
  return { shares: new Map([[0, tableShare(meeting, { at, flowAt })]]) }
}

type Places = { readonly at: Spread; readonly flowAt: Spread }

function tableShare({ b, node, batch, gradients }: Meeting, { at, flowAt }: Places): Share {
  const [table, dy] = [inputOf(node, 0), gradients[0] ?? '']
  const shape = fixedShape(b, table)
  const [extent = 1, ...inRow] = shape
  const values = sizeOf(inRow)
  const found = rowsOf(b, fromTheFront(b, inputOf(node, 1), extent), { at, batch, values: 1 })
  const count = sizeOf(fixedShape(b, found)) / batch
  const rows = b.node('Reshape', [found, b.axes([batch, count])])
  const all = rowsOf(b, dy, { at: flowAt, batch, values })
  const [flows, flat] = [
    [batch, count, values],
    [batch, count * values],
  ].map((to) => b.node('Reshape', [all, b.axes(to)]))
  const [each = '', whole = ''] = [flows, flat]
  return {
    squares: (squaresOf) =>
      count === 1
        ? squaresOf(whole)
        : b.node('Add', [sameRows(b, { rows, flows: each }), scaled(b, squaresOf(whole), margin * count)]),
    parts() {
      // Each example's rows in a table of its own, one below the other.
      const firsts = b.table(
        [batch, 1],
        Array.from({ length: batch }, (_, example) => example * extent),
      )
      const places = b.node('Add', [rows, b.node('Cast', [firsts], { attributes: { to: int(7) } })])
      const tables = b.node('Reshape', [b.node('Expand', [table, b.axes([batch, ...shape])]), b.axes([-1, ...inRow])])
      return b.node('Reshape', [addedUp(b, { table: tables, rows: places, flows: each }), b.axes([batch, ...shape])])
    },
    sum: ({ weighted }) =>
      addedUp(b, { table, rows, flows: b.node('Reshape', [weighted(whole), b.axes([batch, count, values])]) }),
    held: 0,
  }
}

type LookedUp = { readonly table: string; readonly rows: string; readonly flows: string }

/** As the table's gradient is made of whole batches. */
function addedUp(b: GraphBuilder, { table, rows, flows }: LookedUp): string {
  const node: Node = { op: 'Gather', domain: '', inputs: [table, rows], outputs: [], attributes: {} }
  const [sum] = gradientRules.Gather?.(node, [flows], b) ?? []
  if (sum === undefined) throw new TypeError('a table that is looked up has a gradient')
  return sum
}

/** Rows may be counted from the end, too. */
function fromTheFront(b: GraphBuilder, indices: string, extent: number): string {
  const wide = b.node('Cast', [indices], { attributes: { to: int(7) } })
  const isNegative = b.node('Less', [wide, b.axes([0])])
  return b.node('Where', [isNegative, b.node('Add', [wide, b.axes([extent])]), wide])
}

function sameRows(b: GraphBuilder, { rows, flows }: { rows: string; flows: string }): string {
  const [one, other] = [2, 1].map((axis) => b.node('Unsqueeze', [rows, b.axes([axis])]))
  const same = b.node('Cast', [b.node('Equal', [one ?? '', other ?? ''])], { attributes: { to: int(1) } })
  const products = b.node('MatMul', [flows, b.node('Transpose', [flows], { attributes: { perm: ints([0, 2, 1]) } })])
  const sum = b.node('ReduceSum', [b.node('Mul', [same, products]), b.axes([1, 2])], {
    attributes: { keepdims: int(0) },
  })
  return b.node('Max', [sum, b.scalar(0)])
}

/** What others make of a plan's graph, as it predicts. */
import { type Planned, plannedForm } from '../import/planned.ts'
import { run } from '../interpreter/interpret.ts'
import { numbers, type Values } from '../interpreter/values.ts'
import type { Graph } from '../ir.ts'

/** `feeds` are its weights, and the examples as `x`. */
export function formMade(planned: Planned, feeds: Values): readonly number[] {
  const { nodes, initializers, input, output } = plannedForm(planned, { input: 'x', prefix: 'p/', loosened: true })
  if (input !== 'x') throw new TypeError(`an example is called ${input}`)
  const inputs = Object.entries(feeds).map(([name, { shape }]) => ({ name, type: 'float32' as const, shape }))
  const outputs = [{ name: output, type: 'float32' as const, shape: [] }]
  const graph: Graph = { name: 'form', inputs, outputs, nodes, initializers }
  const made = run(graph, feeds)[output]
  if (made === undefined) throw new TypeError(`there is no ${output}`)
  return numbers(made).data
}

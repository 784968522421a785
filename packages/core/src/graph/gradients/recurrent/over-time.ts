/** A recurrence as a `Scan`: its slices of the scanned values are no copies, and what it collects is written where it stays. */
import { type GraphBuilder, graphBuilder } from '../../builder.ts'
import { int, ints, subgraph } from '../../ir.ts'

export type Recurrence = {
  /** The states before the first step. */
  readonly states: readonly string[]
  /** Values of which each step sees one slice of the first axis. */
  readonly scanned: readonly string[]
  /** Values that are the same for every step. */
  readonly fixed?: readonly string[]
  /** From the last slice to the first. */
  readonly isReversed: boolean
  /** One step as nodes of `inner`: the states after it, and what is collected; no name may be among them twice, or come from outside. */
  readonly step: (
    inner: GraphBuilder,
    names: { readonly states: readonly string[]; readonly slices: readonly string[] },
  ) => { readonly states: readonly string[]; readonly collected: readonly string[] }
}

/** The states after the last step, and what was collected, a slice for each step where the step's own slices were. */
export function overTime(
  b: GraphBuilder,
  { states, scanned, fixed = [], isReversed, step }: Recurrence,
): { states: readonly string[]; collected: readonly string[] } {
  const name = b.unused('Scan')
  const inner = graphBuilder(`${name}/`)
  for (const value of fixed) inner.outer({ name: value, ...typed(b, value) })
  const input = (value: string, index: number, shape = b.shape(value)): string =>
    inner.input({ name: `${name}/input_${index}`, type: b.info(value).type, shape })
  const made = step(inner, {
    states: states.map((value, index) => input(value, index)),
    slices: scanned.map((value, index) => input(value, states.length + index, b.shape(value).slice(1))),
  })
  const body = inner.build(name, [...made.states, ...made.collected])
  const [steps = 0] = b.shape(scanned[0] ?? '')
  const outputs = body.outputs.map(({ type, shape }, index) => ({
    name: `${name}/output_${index}`,
    type,
    shape: index < states.length ? shape : [steps, ...shape],
  }))
  const directions = (values: readonly unknown[]) => ints(values.map(() => (isReversed ? 1 : 0)))
  b.call('Scan', [...states, ...scanned], {
    outputs,
    attributes: {
      body: subgraph(body),
      num_scan_inputs: int(scanned.length),
      scan_input_directions: directions(scanned),
      scan_output_directions: directions(made.collected),
    },
  })
  const names = outputs.map((output) => output.name)
  return { states: names.slice(0, states.length), collected: names.slice(states.length) }
}

const typed = (b: GraphBuilder, name: string) => {
  const { type, shape } = b.info(name)
  return { type, shape }
}

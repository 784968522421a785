/** What the tensors of a file are used for. */
import type { Node } from '../ir.ts'

export type Role = 'statistic' | 'operand' | 'other'

/** Operands that are never anything but learnt. */
const learntInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  GRU: [1, 2, 3],
  LSTM: [1, 2, 3],
  RNN: [1, 2, 3],
  Gather: [0],
}

/** Of each value; where it is used for several things, as an operand first of all. */
export function rolesOf(nodes: readonly Node[]): ReadonlyMap<string, Role> {
  const roles = new Map<string, Role>()
  for (const { op, inputs } of nodes) {
    const operands = Object.hasOwn(learntInputs, op) ? (learntInputs[op] ?? []) : []
    for (const [index, name] of inputs.entries()) {
      const isStatistic = op === 'BatchNormalization' && index >= 3
      const role: Role = operands.includes(index) ? 'operand' : isStatistic ? 'statistic' : 'other'
      if (role === 'operand' || !roles.has(name)) roles.set(name, role)
    }
  }
  return roles
}

/**
 * The first weights of FLamby's model for a seed: torch.manual_seed(seed), then torch.nn.Linear(13, 1). PyTorch draws weights and bias uniformly
 * in ±1/√13, from the low 24 bits of each draw. Some of FLamby's recipes hardly move the model from where it starts, so that without the same
 * start nothing about them can be compared.
 */
import { mersenneTwister } from './mersenne-twister.ts'

/** FLamby's order of columns: pandas puts dummies last. */
export const flambyColumns = [
  ...['age', 'sex', 'trestbps', 'chol', 'fbs', 'thalach', 'exang', 'oldpeak'],
  ...['cp_2', 'cp_3', 'cp_4', 'restecg_1', 'restecg_2'],
] as const

/** `weight` in the order of `flambyColumns`. */
export function torchLinear(seed: number): { readonly weight: readonly number[]; readonly bias: number } {
  const draw = mersenneTwister(seed)
  const bound = Math.fround(1 / Math.sqrt(flambyColumns.length))
  const uniform = (): number => {
    const share = (draw() & 0xffffff) / 2 ** 24
    // Rounded once: PyTorch's builds multiply and add in one instruction.
    return Math.fround(share * Math.fround(2 * bound) - bound)
  }
  return { weight: flambyColumns.map(uniform), bias: uniform() }
}

/** As `model.start` of a study has it: inputs in alphabetical order of column. */
export function torchStart(seed: number): Record<string, number[]> {
  const { weight, bias } = torchLinear(seed)
  const byColumn = flambyColumns.map((column, index) => ({ column, value: weight[index] ?? 0 }))
  const kernel = byColumn.toSorted((a, b) => (a.column < b.column ? -1 : 1)).map(({ value }) => value)
  return { 'output.kernel': kernel, 'output.bias': [bias] }
}

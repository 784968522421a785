/** How often operators are used, and what ONNX's numbers for types stand for (TensorProto.DataType of onnx/onnx.proto, ONNX 1.17). */
export type OperatorCount = { readonly op: string; readonly domain: string; readonly count: number }

type Used = { readonly op: string; readonly domain: string }

/** Most frequent first, then by name. */
export function counted(nodes: readonly Used[]): readonly OperatorCount[] {
  const groups = Map.groupBy(nodes, ({ op, domain }) => `${domain} ${op}`)
  return [...groups.values()]
    .flatMap((same) => same.slice(0, 1).map(({ op, domain }) => ({ op, domain, count: same.length })))
    .toSorted((a, b) => b.count - a.count || (a.op < b.op ? -1 : 1))
}

const types = [
  ...['no type', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'string', 'bool'],
  ...['float16', 'float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16'],
  ...['float8e4m3fn', 'float8e4m3fnuz', 'float8e5m2', 'float8e5m2fnuz', 'uint4', 'int4', 'float4e2m1'],
]
export const typeName = (type: number): string => types[type] ?? `type ${type}`

/** Numbers that stand for types in a model file: those of onnx/onnx.proto (ONNX 1.17). */
import type { Attribute, ElementType } from './ir.ts'

/** TensorProto.DataType. */
export const dataTypes: Record<ElementType, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, string: 8, bool: 9 }
/** AttributeProto.AttributeType. */
export const attributeTypes: Record<Attribute['kind'], number> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
}

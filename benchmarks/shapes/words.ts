/** What the benchmark of shapes says to a person. */
export const shapesWords = {
  about: () =>
    'our shape inference against onnx.shape_inference, over random uses of every operator; --cases N --seed N --environment FOLDER',
  drawn: (count: number) => `${count.toLocaleString('en')} uses, to be inferred by onnx …`,
  ended: (lines: number, wanted: number) =>
    `Python answered ${lines} lines where ${wanted + 1} were wanted (see above).`,
  heading: (version: string) =>
    `Shapes by our rules and by onnx.shape_inference ${version} (strict, with data propagation); operators that always agree are in the last line alone.`,
  columns: () => ['operator', 'cases', 'symbolic', 'same', 'less', 'nothing', 'later', 'differs', 'refused'],
  all: (count: number) => `all ${count}`,
  notes: () => [
    'symbolic: of the cases, those with an extent that is known only when the model runs. less: onnx knows the number of axes, but not every extent; what it knows is the same. nothing: not even that. later: another, but ours from the next operator set on.',
    'differs: a type, a number of axes or an extent is another. refused: onnx says that the model is wrong. Of both, the first fifty:',
  ],
} as const

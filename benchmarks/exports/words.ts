/** What the benchmark of exports says to a person. */
export const exportsWords = {
  about: () =>
    'models exported by PyTorch and Keras, trained one step here and there, and given back; --only a,b --ways plain --environment FOLDER --out FOLDER',
  noPython: (environment: string) => `PyTorch could not be installed into ${environment} (see above).`,
  failed: (program: string) => `${program} failed (see above).`,
  unknown: (name: string, known: readonly string[]) => `There is no ${name}; there are ${known.join(', ')}.`,
  noKeras: () => 'Keras is not installed in that environment: no export of it was tried.',
  running: (model: string) => `${model} …`,
  heading: (versions: Readonly<Record<string, string>>) =>
    `One step of SGD with momentum of exported models, on one thread: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
  columns: () => [
    ...['model', 'export', 'parameters', 'missing', 'nodes', 'loss', 'update', 'statistics', 'prediction'],
    ...['undecided', 'exact', 'torch exact', 'ms', 'torch ms', 'start ms'],
  ],
  count: (value: number | null) => (value === null ? '-' : value.toLocaleString('en')),
  error: (value: number | null) => (value === null ? '-' : value === 0 ? '0' : value.toExponential(1)),
  milliseconds: (value: number | null) => (value === null ? '-' : value.toFixed(value < 10 ? 2 : 0)),
  refused: (what: string, problem: string) => `${what}: ${problem}`,
  notes: ({ trained, wanted }: { trained: number; wanted: number }) => [
    `Plain exports that train as in PyTorch: ${trained}; asked for: ${wanted}.`,
    'missing: PyTorch’s tensors that are not in the file by their names, since they were merged into others. nodes: of the training graph.',
    'loss, update, statistics, prediction: the largest distance from PyTorch’s, as a share of the largest value there; update and statistics are those of the furthest tensor, prediction is of the file given back, in Python’s ONNX Runtime.',
    'undecided: tensors that are left out there, since PyTorch’s own Float32 is not near its double precision. exact: the furthest of the others from PyTorch in double precision; torch exact: of PyTorch’s own Float32. start: from the file to the end of the first step.',
  ],
} as const

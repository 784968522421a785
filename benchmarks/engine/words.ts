/** What the engine's benchmark says to a person. */
type Ran = { readonly case: string; readonly threads: number; readonly ms: number; readonly torchMs: number }

export const engineWords = {
  about: () =>
    'steps of training, against PyTorch; --cases a,b --threads N,N --runs N --environment FOLDER; --profile: what each operator takes instead',
  noTorch: (environment: string) => `PyTorch could not be installed into ${environment} (see above).`,
  unknownCase: (name: string, known: readonly string[]) => `There is no case ${name}; there are ${known.join(', ')}.`,
  differ: (name: string, losses: readonly (readonly [number, number])[]) =>
    `${name} is not the same work on both sides; losses, ours and PyTorch's: ${losses.map((pair) => pair.join(' ')).join('; ')}`,
  ran: ({ case: name, threads, ms, torchMs }: Ran) =>
    `${name}, ${threads} thread(s): ${ms.toPrecision(3)} ms a step; PyTorch ${torchMs.toPrecision(3)}, ${(torchMs / ms).toFixed(2)}×`,
  profiled: (name: string) => `${name}: profiled`,
  noProfile: (name: string) => `ONNX Runtime wrote no profile of ${name}`,
  profileHeading: () =>
    'Our steps on one thread, by operator: milliseconds a step without what is inside of it, while ONNX Runtime watches. Less than 1 % is left out.',
  profileColumns: () => ['case', 'operator', 'ms', 'share'],
  share: (value: number) => `${(100 * value).toFixed(1)} %`,
  heading: (version: string) =>
    `A step of training, by our graphs on ONNX Runtime and by PyTorch ${version}, eager: milliseconds, the median of the runs, taken by turns.`,
  columns: () => [
    'case',
    'threads',
    'ms',
    'PyTorch',
    'ratio',
    'wanted',
    'fastest',
    'PyTorch',
    'MB',
    'PyTorch',
    'differ',
  ],
  milliseconds: (value: number) => value.toPrecision(3),
  ratio: (value: number) => `${value.toFixed(2)}×`,
  megabytes: (value: number | null) => (value === null ? '-' : String(Math.round(value))),
  difference: (value: number) => value.toExponential(0),
  startup: (ms: number, torchMs: number) =>
    `From the start of a process to the end of its first step: ${Math.round(ms)} ms; PyTorch ${Math.round(torchMs)} ms, ${(torchMs / ms).toFixed(1)}× (wanted: 20×).`,
  memory: (mb: number | null, torchMb: number | null) =>
    mb === null || torchMb === null
      ? 'How much memory was needed this system does not say.'
      : `The most in memory: ${Math.round(mb)} MB; PyTorch ${Math.round(torchMb)} MB, ${(torchMb / mb).toFixed(1)}× (wanted: 3×).`,
  notes: () => 'differ: the largest difference of the first losses of both, from the same weights and batches.',
} as const

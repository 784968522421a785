/** What a site says of a trainer's process that was stopped, or that ended by itself. */

/** What it tried, by the name of the permission that it does not have. */
const tries: Readonly<Record<string, string>> = {
  FileSystemRead: 'read a file',
  FileSystemWrite: 'write a file',
  Net: 'use the network',
  ChildProcess: 'start a program',
  WorkerThreads: 'start a thread',
  Addon: 'load native code',
  Inspector: 'open a debugger',
  WASI: 'start a WASI program',
  FFI: 'call native code',
  Module: 'load a module that training does not need',
  Signal: 'send a signal to another process',
}

export const trainerWords = {
  denied: (kind: string) => tries[kind] ?? 'do something that it may not',
  ended: (how: string | number) => (typeof how === 'string' ? `by ${how}` : `with exit code ${how}`),
  flood: () => 'It said more than there is to say.',
  unasked: () => 'It spoke without having been asked.',
  misunderstood: () => 'It is not an answer to what was asked.',
  /** ONNX Runtime's own words come with a place in its source. */
  noDevice: (words: string) =>
    `There is no GPU that WebGPU can use here (training.device in site.yaml). ONNX Runtime says: ${words.split('was false. ').at(-1)?.trim() ?? ''}`,
  closed: () => 'the trainer was closed',
}

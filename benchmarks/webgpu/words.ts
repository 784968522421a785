/** What this benchmark says. */
export const webgpuWords = {
  about: () =>
    'the same training on the processor and on a GPU, through WebGPU: losses to the tolerance of floats, and times',
  training: (name: string, device: string) => `${name} on ${device}`,
  noGpu: (problem: string) => `Nothing was compared. ${problem}`,
  row: ({ name, difference, cpuMs, gpuMs }: { name: string; difference: number; cpuMs: number; gpuMs: number }) =>
    `${name.padEnd(14)} losses apart by ${difference.toExponential(1)} (relative)   cpu ${cpuMs.toFixed(0)} ms   webgpu ${gpuMs.toFixed(0)} ms, and again without getting ready`,
} as const

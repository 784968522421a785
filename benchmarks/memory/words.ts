/** What the memory benchmark says to a person. */
export const memoryWords = {
  about: () =>
    'the most that a coordinator and a site have in memory, by the number of sites and the size of the model; --sites N,N --weights N,N --rounds N --site-weights N',
  running: ({ sites, weights }: { sites: number; weights: number }, rounds: number) =>
    `${sites} sites, ${weights.toLocaleString('en')} weights, ${rounds} rounds …`,
  heading: () =>
    'The most that a coordinator has in memory: a process of its own on TLS, with a folder, a study of federated averaging, and sites without disks; at the end the model is fetched as safetensors and as ONNX. And the most that a site has, which trains.',
  columns: () => ['of', 'sites', 'weights', 'model MB', 'start MB', 'peak MB', 'limit MB'],
  figure: (value: number | null) => (value === null ? '-' : String(Math.round(value))),
  notes: () => [
    'limit: a coordinator should need 512 MB at the most, whatever the model; a site three times its model.',
    'MB: resident, in 10^6 bytes, as Linux tells it. start: before there was a study.',
  ],
} as const

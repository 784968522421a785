/** What the benchmarks' own command says. */
export const benchWords = {
  usage: () => ['npm run bench -- NAME [--json]', ''],
  entry: (name: string, about: string) => `  ${name}  ${about}`,
  peers: () =>
    'the same study in Wardround, Flower and NVFlare; --rounds N --runs N --threads default,1 --only "Flower simulation" --environment DIR --data DIR --out DIR',
  roundTrip: () =>
    'what a round costs that trains nothing, by the size of the model; --sites N --weights N,N --rounds N',
  noCount: (name: string, text: string) => `--${name} ${text} is not a whole number above 0.`,
} as const

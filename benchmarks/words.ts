/** What the benchmarks' own command says. */
export const benchWords = {
  usage: () => ['npm run bench -- NAME [--json]', ''],
  entry: (name: string, about: string) => `  ${name}  ${about}`,
  noCount: (name: string, text: string) => `--${name} ${text} is not a whole number above 0.`,
} as const

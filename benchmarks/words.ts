/** What the benchmarks' own command says. */
export const benchWords = {
  usage: () => ['npm run bench -- NAME [--json]', ''],
  entry: (name: string, about: string) => `  ${name}  ${about}`,
  noPython: (modules: readonly string[], environment: string) =>
    `${modules.join(' and ')} could not be installed into ${environment} (see above).`,
  noCount: (name: string, text: string) => `--${name} ${text} is not a whole number above 0.`,
} as const

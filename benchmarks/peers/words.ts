/** What the peers benchmark says to a person. */
export const peersWords = {
  about: () =>
    'the same study in Wardround, Flower and NVFlare; --rounds N --runs N --threads default,1 --only "Flower simulation" --environment DIR --data DIR --out DIR',
  running: (system: string, mode: string, detail: string) =>
    `${system}, ${mode}${detail === '' ? '' : ` (${detail})`} …`,
  ran: (seconds: number, peakMb: number) =>
    `  ${seconds.toFixed(1)} s to the result, ${Math.round(peakMb)} MB at the peak`,
  failed: (problem: string) => `  no figures: ${problem}`,
  notInstalled: (environment: string) =>
    `not installed in ${environment}; run benchmarks/peers/install.sh (it needs Python 3.11 or later and PyPI)`,
  linuxOnly: () => 'The peers benchmark reads memory and traffic from /proc, so it runs on Linux only.',
  timedOut: (limitSeconds: number) => `stopped after ${limitSeconds} s`,
  interrupted: () => 'interrupted',
  exited: (code: number | null, log: string) =>
    `ended with exit code ${code ?? 'of a signal'} and no result; see ${log}`,
  badResult: (file: string) => `${file} is not a result as the bench reads it`,
  portTaken: (ports: readonly number[]) => `port ${ports.join(' or ')} is taken, and NVFlare's POC always uses it`,
  noPorts: (wanted: number) => `there are no ${wanted} free ports in a row`,
  threads: (threads: string) =>
    threads === 'default' ? "PyTorch's own number of threads" : `OMP_NUM_THREADS=${threads}`,
  heading: (rounds: number, runs: number) =>
    `Fed-Heart-Disease, 4 hospitals, MLP 13-64-32-1, 5 epochs a round, ${rounds} rounds${runs > 1 ? `; medians of ${runs} runs` : ''}`,
  columns: () => ['system', 'mode', 'seconds', 's/round', 'peak MB', 'loopback MB', 'accuracy', 'time', 'memory'],
  times: (ratio: number) => `${ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)}×`,
  noFigure: () => '-',
  /** Under the table: how to read it. */
  notes: () => [
    'seconds: from the command to the result, daemons started on the way included; those started again to stop are not.',
    "s/round: median time between the ends of two rounds, by the coordinator's clock (NVFlare: by its clients').",
    'peak MB: proportional set size (shared pages counted once) of all processes of a system together, in MB of 10^6 bytes.',
    'loopback MB: all traffic of this machine on loopback meanwhile, headers included, other programs too.',
    "accuracy: of the model after the last round on FLamby's test patients, mean over the four hospitals.",
    "time, memory: as many times Wardround's as a deployment. Of a peer's two settings of threads the faster one is shown.",
    'Wardround also trains each hospital alone and all of them pooled, with intervals, in the same time; the peers do not.',
  ],
} as const

/** What the doctor says. */
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB free`

export const doctorWords = {
  node: () => 'Node',
  training: () => 'training',
  folder: (path: string) => `folder ${path}`,
  journal: () => 'journal',
  coordinator: () => 'coordinator',
  data: () => 'data',
  oldNode: (version: string) => `${version}; Node 26 is needed. Start through npm: it comes with the project.`,
  trained: (steps: number) => `ONNX Runtime learns (${steps} step)`,
  trainedOn: (device: string, steps: number) =>
    `ONNX Runtime learns on ${device} (${steps} step); what it learns differs in its last bits from what other machines do, and may from time to time`,
  room: gigabytes,
  littleRoom: (bytes: number) => `${gigabytes(bytes)}; make room before a large study`,
  entries: (count: number) => `holds, ${count} entries`,
  broken: (sequence: number) => `entry ${sequence} does not fit the chain: keep the file and compare it with a backup`,
  notJoined: () => 'this folder is no joined site yet: wardround site join TOKEN',
  reached: ({
    url,
    version,
    skewSeconds,
    proxy,
  }: {
    url: string
    version: string
    skewSeconds: number
    proxy: string | undefined
  }) =>
    `${url} answers (version ${version}), clocks ${Math.abs(skewSeconds)} s apart${proxy === undefined ? '' : `, proxy ${proxy}`}`,
  table: (records: number, columns: readonly string[]) => `${records} records; columns ${columns.join(', ')}`,
  line: (state: string, name: string, detail: string) =>
    `${{ ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[state] ?? state}  ${name}: ${detail}`,
}

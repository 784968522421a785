/** What the commands say. */
export const cliWords = {
  next: (command: string) => `Next: ${command}`,
  listening: (url: string) => `The coordinator listens on ${url}`,
  accessAt: (path: string) => `Access for researchers and administrators: ${path} (keep it secret)`,
  stopHint: () => 'Ctrl-C stops it; nothing is lost.',
  token: (token: string, site: string, expiresAt: string) => [
    `One-time token for ${site}, valid until ${expiresAt}:`,
    '',
    token,
    '',
    'Send it to the hospital by a channel you trust. There: wardround site join TOKEN',
  ],
  joined: ({ site, url, config }: { site: string; url: string; config: string }) => [
    `Joined ${url} as ${site}. The key was born here and stays here.`,
    `Next: describe your data in ${config}, then: wardround doctor; wardround site run`,
  ],
  siteStarts: (site: string, url: string) => `${site} works for ${url}. Nothing leaves without a line in the journal.`,
  approvalHeading: (study: string, planHash: string) => `Study ${study}, plan ${planHash}`,
  leavesHeading: () => 'What will leave this hospital:',
  neverHeading: () => 'What never leaves:',
  item: (text: string) => `  - ${text}`,
  approveQuestion: () => 'Approve? Type yes to sign: ',
  decided: (study: string, decision: string) => `${study}: ${decision}, signed and sent.`,
  notDecided: () => 'Nothing was signed.',
  journalHolds: (entries: number, bytes: number) => `The journal holds: ${entries} entries, ${bytes} bytes released.`,
  journalTorn: (bytes: number) =>
    `The last line was torn by a crash (${bytes} bytes); it is cut off at the next start.`,
  left: (site: string) => `${site} left the network. Its journal stays.`,
  removed: (site: string) => `${site} was removed from the network.`,
  studyValid: (name: string, planHash: string) => `${name} is a valid study. Plan hash ${planHash}`,
  warning: (text: string) => `Warning: ${text}`,
  published: (id: string, planHash: string) => [
    `Published ${id}, plan ${planHash}.`,
    `Hospitals see it with: wardround site approve ${id}`,
    `When they have approved: wardround study start ${id}`,
  ],
  started: (id: string) => `${id} has started. Watch it: wardround study watch ${id}`,
  stopping: (id: string) => `${id} ends after this round, with the best model so far.`,
  wrote: (path: string) => `Wrote ${path}`,
  masksNowhere: () => 'This model marks images: say where the masks go, with --masks FOLDER.',
  stateLine: ({ id, state, round, outcome }: { id: string; state: string; round: number; outcome: string | null }) =>
    `${id}  ${outcome ?? state}${round > 0 ? `, round ${round}` : ''}`,
  decisionLine: (site: string, decision: string, reason: string | undefined) =>
    `  ${site}: ${decision}${reason === undefined ? '' : ` (${reason})`}`,
  failureLine: ({
    site,
    kind,
    round,
    code,
    why,
  }: {
    site: string
    kind: string
    round: number
    code: string
    why: string
  }) => `  ${site}, ${kind}${round > 0 ? ` of round ${round}` : ''}: ${code}. ${why}`,
  failuresHeading: () => 'What failed or was refused, newest first:',
  findingsHeading: () => 'What preflight found:',
  lostLine: (sha256: string) =>
    `Lost: the blob ${sha256}. The study waits. Copy the file from a backup into the coordinator's folder, blobs/sha256/${sha256.slice(0, 2)}/; it goes on by itself.`,
  waitingHeading: (sites: readonly string[]) => `Waiting for ${sites.join(', ')}`,
  noSites: () => 'No hospital has joined yet: wardround token create NAME',
  noStudies: () => 'No study has been published yet: wardround study publish FILE',
  siteLine: ({ name, state, lastSeenAt }: { name: string; state: string; lastSeenAt: string | null }) =>
    `${name}  ${state}${lastSeenAt === null ? '' : `, last heard of ${lastSeenAt}`}`,
  statusLine: (site: string, url: string, released: number) => `${site} at ${url}; ${released} releases in the journal`,
  running: (pid: number) => `Running as process ${pid}`,
  notRunning: () => 'Not running: wardround site run',
  dataFound: (where: string) => `Data: ${where}`,
  synthetic: () => 'SYNTHETIC DATA: the real files could not be had; figures below are about made-up patients.',
  demoFolder: (path: string) => `Everything of this run is in ${path}`,
  finished: (seconds: number) => `Done in ${seconds.toFixed(1)} s.`,
}

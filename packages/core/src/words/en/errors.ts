/**
 * What a person reads when something goes wrong: what happened, why, and what to do next. One function a code; its
 * parameter type is what `new WardroundError(code, …)` must be given, so that a missing one is a compile error.
 */

/** `next` is a command or an act; empty where nothing can be done but to read `why`. */
export type ErrorSentences = { readonly what: string; readonly why: string; readonly next: string }

const say = (what: string, why: string, next: string): ErrorSentences => ({ what: `${what}`, why: `${why}`, next })

/** Where in a file: `line` counts from 1 and is 0 where the whole file is meant. */
type Place = { file?: string; line?: number; column?: number }
const place = ({ file, line, column }: Place): string =>
  [file ?? 'the document', ...(line ? [`line ${line}`] : []), ...(line && column ? [`column ${column}`] : [])].join(
    ', ',
  )
const list = (items: readonly string[]): string => items.map((item) => `\n  - ${item}`).join('')

const studyErrors = {
  WR_STUDY_SYNTAX: (p: Place & { problem: string }) =>
    say(
      `${place(p)}: this is not readable as YAML.`,
      p.problem,
      'Mend that line, then run: wardround study check FILE',
    ),
  WR_STUDY_INVALID: (p: Place & { field: string; problem: string; issues?: readonly string[] }) =>
    say(
      `${place(p)}: ${p.field ? `field ${p.field}: ` : ''}${p.problem}`,
      p.issues && p.issues.length > 1
        ? `There are ${p.issues.length} problems:${list(p.issues)}`
        : 'The study does not say what Wardround needs, or says something it does not know.',
      'Mend it (docs/study.md explains every field), then run: wardround study check FILE',
    ),
  WR_STUDY_EXISTS: (p: { study: string }) =>
    say(
      `The study ${p.study} is published already.`,
      'The very same plan has the very same identity.',
      `See it with: wardround study show ${p.study}`,
    ),
  WR_STUDY_STATE: (p: { study: string; state: string; wanted: string }) =>
    say(
      `The study ${p.study} is ${p.state}.`,
      `To ${p.wanted} it, it must be in another state.`,
      `See it with: wardround study show ${p.study}`,
    ),
  WR_STUDY_FILE: (p: { problem: string }) =>
    say(
      `This is no study that a coordinator has exported: ${p.problem}.`,
      'The file was damaged or changed on its way, or is another.',
      'Nothing was imported. Have it exported again: wardround study export STUDY FILE',
    ),
  WR_STUDY_PREFLIGHT: (p: { study: string; sites: readonly string[] }) =>
    say(
      `Preflight found faults in the data of ${p.sites.join(', ')}.`,
      'A study starts only where every site can read its columns alike.',
      `See what to mend with: wardround study show ${p.study}`,
    ),
  WR_QUORUM_IMPOSSIBLE: (p: { study: string; have: number; need: number }) =>
    say(
      `The study ${p.study} needs ${p.need} ${p.need === 1 ? 'hospital' : 'hospitals'}, and ${p.have} approved it.`,
      'A round below its quorum would be thrown away.',
      `Wait for approvals (wardround study show ${p.study}), or publish it with a smaller quorum.`,
    ),
  WR_STUDY_WEIGHTS: (p: { study: string }) =>
    say(
      `The first weights of the study ${p.study} are not there.`,
      'Its model is from a file, and the upload of its weights has not ended.',
      'Publish it again from the same files: wardround study publish FILE',
    ),
  WR_GRAPH_INVALID: (p: { problem: string }) =>
    say('The model is not a readable ONNX graph.', p.problem, 'Export the model again.'),
  WR_GRAPH_REFUSED: (p: { problem: string }) =>
    say('The model is refused.', p.problem, 'Use only the operators and sizes of docs/operators.md.'),
  WR_WEIGHTS_INVALID: (p: { problem: string }) =>
    say(
      'The weights are not a readable safetensors file.',
      p.problem,
      'Send or fetch them again; if it happens again, the sender is broken.',
    ),
  WR_WEIGHTS_SHAPE: (p: { tensor: string; problem: string }) =>
    say(
      `The tensor ${p.tensor} does not fit the model.`,
      p.problem,
      'Check that both sides speak of the same study: wardround study show STUDY',
    ),
  WR_WEIGHTS_NOT_FINITE: (p: { tensor: string }) =>
    say(
      `The tensor ${p.tensor} holds NaN or infinity.`,
      'One such value would spoil the model for every hospital.',
      'Look at that site: a smaller learning rate or a mended column usually helps.',
    ),
  WR_TRAINING_DIVERGED: (p: { epoch: number }) =>
    say(
      `Training diverged in epoch ${p.epoch}.`,
      'The loss became NaN or infinite.',
      'Lower training.optimizer rate, or normalise the columns.',
    ),
  WR_TRAINING_FAILED: (p: { problem: string }) => say('Training failed.', p.problem, 'Run: wardround doctor'),
} as const

const dataErrors = {
  WR_DATA_MISSING: (p: { file: string }) =>
    say(
      `There is no file ${p.file}.`,
      'A path that was typed is relative to the folder you are in, data.file to the folder of site.yaml.',
      'Correct the path, where it was typed or in site.yaml.',
    ),
  WR_DATA_UNREADABLE: (p: Place & { problem: string }) =>
    say(
      `${place(p)}: the data cannot be read.`,
      p.problem,
      'Open the file in a text editor and mend that line, or set data.delimiter and data.encoding in site.yaml.',
    ),
  WR_DATA_EMPTY: (p: { file: string }) =>
    say(
      `${p.file} holds no records.`,
      'There is nothing to learn from.',
      'Check the export, or data.file in site.yaml.',
    ),
  WR_DATA_COLUMN: (p: { column: string; available: readonly string[] }) =>
    say(
      `The data has no column ${p.column}.`,
      `It has: ${p.available.join(', ')}.`,
      `Say in site.yaml what it is called here: columns: { ${p.column}: NAME }`,
    ),
  WR_DATA_VALUE: (p: Place & { field: string; expected: string }) =>
    say(
      `${place(p)}: the column ${p.field} holds something that is not ${p.expected}.`,
      'A value of another kind cannot be learned from.',
      'Mend the cell, or list its text under data.missing in site.yaml.',
    ),
  WR_COHORT_TOO_SMALL: (p: { minimum: number }) =>
    say(
      `There are fewer than ${p.minimum} patients.`,
      'A figure about so few people could point to one of them.',
      'This site cannot take part with this data; wait for more patients.',
    ),
} as const

const trustErrors = {
  WR_TOKEN_INVALID: (p: { problem: string; kind: string }) =>
    say(
      `This is no ${p.kind} token.`,
      `It is damaged or of another kind (${p.problem}).`,
      'Copy it again, whole; or ask for a new one: wardround token create NAME',
    ),
  WR_TOKEN_EXPIRED: (p: { site: string }) =>
    say(
      `The token for ${p.site} has expired.`,
      'Join tokens live for a day unless said otherwise.',
      `Ask the coordinator for a new one: wardround token create ${p.site}`,
    ),
  WR_TOKEN_USED: (p: { site: string }) =>
    say(
      `The token for ${p.site} was used already.`,
      'A join token works once.',
      `If that was not you, tell the coordinator. A new one: wardround token create ${p.site}`,
    ),
  WR_CREDENTIALS: () =>
    say(
      'The access token is missing or wrong.',
      'This action needs an account of the coordinator.',
      'Give it with --access FILE or WARDROUND_ACCESS.',
    ),
  WR_PROOF_INVALID: () =>
    say(
      'The signature of a request does not hold.',
      'The request was changed on its way, or comes from another key.',
      'Run: wardround doctor',
    ),
  WR_PROOF_CLOCK: (p: { skewMs: number }) =>
    say(
      `This machine's clock is ${Math.round(p.skewMs / 1000)} s off the coordinator's.`,
      'Requests are signed with the time, against replay.',
      'Set the clock (NTP). The site corrects for it by itself meanwhile.',
    ),
  WR_PROOF_REPLAYED: () =>
    say(
      'A request was sent twice.',
      'Each signed request counts once.',
      'If it happens again, somebody records the line: tell the coordinator.',
    ),
  WR_SITE_UNKNOWN: (p: { site: string }) =>
    say(
      `The coordinator knows no site ${p.site}.`,
      'It never joined, or the coordinator was set up anew.',
      'Join with a new token: wardround site join TOKEN',
    ),
  WR_SITE_LEFT: (p: { site: string }) =>
    say(
      `The site ${p.site} has left the network.`,
      'It left, or was removed.',
      'Join again with a new token: wardround site join TOKEN',
    ),
  WR_SITE_EXISTS: (p: { site: string }) =>
    say(
      `There is a site ${p.site} already.`,
      'Names are unique in a network.',
      `Choose another name, or remove the old one first: wardround site remove ${p.site}`,
    ),
  WR_CERTIFICATE_PIN: (p: { url: string }) =>
    say(
      `The certificate of ${p.url} is not vouched for as the token says.`,
      'Somebody stands between (a proxy that looks into every line does), or the coordinator has a new key.',
      'Nothing was sent. Ask your network people for a way around; where the coordinator has a new key, it gives you a new token.',
    ),
  WR_SIGNATURE_INVALID: (p: { what: string }) =>
    say(
      `The coordinator's signature on ${p.what} does not hold.`,
      "It was changed on its way, or was never the coordinator's.",
      'Nothing was done. Tell the coordinator; see: wardround site journal verify',
    ),
  WR_PLAN_ALTERED: (p: { study: string }) =>
    say(
      `The plan of ${p.study} is not the one that was approved here.`,
      'Its hash, or the hash of its preparation, differs from the recorded one.',
      'Nothing was done. Ask the researcher to publish the change as a new study.',
    ),
  WR_NOT_APPROVED: (p: { study: string }) =>
    say(
      `The study ${p.study} is not approved at this site.`,
      "Nothing runs without the data owner's grant.",
      `Read it and decide: wardround site approve ${p.study}`,
    ),
  WR_ROUND_REPLAYED: (p: { study: string; round: number }) =>
    say(
      `Round ${p.round} of ${p.study} was asked for again.`,
      'This site has finished that round; doing it twice could reveal more than was agreed.',
      'Nothing was done. Tell the coordinator.',
    ),
  WR_ROUND_FORGOTTEN: (p: { study: string; round: number }) =>
    say(
      `What this site kept of round ${p.round} of ${p.study} is gone.`,
      'Of a large model only the last rounds are kept, and the coordinator, restored from an older backup, asks for an earlier one.',
      'Nothing was sent: it would not be what left then. Restore a newer backup, or publish the study anew.',
    ),
  WR_TASK_EXPIRED: (p: { task: string }) =>
    say(
      `The task ${p.task} has expired.`,
      'Tasks are valid for a limited time.',
      'Nothing to do: the coordinator makes a new one.',
    ),
  WR_TASK_FOREIGN: (p: { task: string }) =>
    say(`The task ${p.task} is not this site's.`, 'It was made for another site.', 'Tell the coordinator.'),
  WR_EGRESS_REFUSED: (p: { release: string; reason: string }) =>
    say(
      `This site's policy does not let ${p.release} out.`,
      p.reason,
      'The policy section of site.yaml decides; its owner may change it.',
    ),
  WR_CHAIN_BROKEN: (p: { file: string; sequence: number }) =>
    say(
      `${p.file} was changed: entry ${p.sequence} does not fit the chain.`,
      'Each entry carries the hash of the one before.',
      'Keep the file as evidence and compare it with a backup.',
    ),
} as const

const networkErrors = {
  WR_UNREACHABLE: (p: { url: string; reason: string }) =>
    say(
      `${p.url} does not answer.`,
      p.reason,
      'Check the address, the firewall (outbound HTTPS is enough) and HTTPS_PROXY; then: wardround doctor',
    ),
  WR_PROXY: (p: { proxy: string; reason: string }) =>
    say(
      `The proxy ${p.proxy} does not let us through.`,
      p.reason,
      'Check HTTPS_PROXY and NO_PROXY, and that CONNECT is allowed.',
    ),
  WR_CERTIFICATE_EXPIRED: (p: { url: string; reason: string }) =>
    say(
      `The certificate of ${p.url} is not valid today.`,
      p.reason,
      'Whoever runs the coordinator renews it; if it is the clock of this machine that is wrong, set it. Nothing is lost meanwhile.',
    ),
  WR_UNAVAILABLE: (p: { reason: string }) =>
    say(
      'The coordinator cannot take this in now.',
      {
        disk: 'Its disk is full, or cannot be written.',
        store: 'Its database is out of reach.',
        crowd: 'There are too many requests of the same site at once.',
      }[p.reason] ?? 'Something is wrong there.',
      'Nothing to do here: it is tried again until it can. Whoever runs the coordinator finds more with: wardround doctor',
    ),
  WR_TIMEOUT: (p: { url: string; seconds: number }) =>
    say(
      `${p.url} did not answer within ${p.seconds} s.`,
      'The line or the server is slow.',
      'It is tried again; if it stays, run: wardround doctor',
    ),
  WR_VERSION: (p: { theirs: string; ours: string }) =>
    say(
      `Version ${p.theirs} does not go with ${p.ours}.`,
      'One minor version either way works.',
      'Bring the older side up to date.',
    ),
} as const

const stateErrors = {
  WR_TASK_CLOSED: (p: { task: string }) =>
    say(
      `The task ${p.task} is closed.`,
      'Its deadline passed, or its study ended.',
      'Nothing to do: this site takes part again in the next round.',
    ),
  WR_UPLOAD_OFFSET: (p: { receivedBytes: number }) =>
    say(
      'A piece of the upload does not follow the last.',
      `${p.receivedBytes} bytes have arrived.`,
      'The upload goes on from there by itself.',
    ),
  WR_DIGEST_MISMATCH: (p: { what: string }) =>
    say(`${p.what} arrived damaged.`, 'Its SHA-256 is not the announced one.', 'It is fetched or sent again.'),
  WR_BLOB_MISSING: (p: { sha256: string }) =>
    say(`There is no blob ${p.sha256}.`, 'It was never stored, or was lost.', 'Restore the blob folder from a backup.'),
  WR_NOT_JOINED: (p: { directory: string }) =>
    say(`${p.directory} is no joined site.`, 'There is no identity in it.', 'Join first: wardround site join TOKEN'),
  WR_CONFIG: (p: Place & { field: string; problem: string }) =>
    say(
      `${place(p)}: ${p.field ? `${p.field}: ` : ''}${p.problem}`,
      'The configuration is not as it should be.',
      'Mend it, then run: wardround doctor',
    ),
  WR_LOCKED: (p: { path: string; pid?: number }) =>
    say(
      `${p.path} is in use by ${p.pid === undefined ? 'another process' : `process ${p.pid}`}.`,
      'One process at a time may write it.',
      'Stop that process first, or use another --dir.',
    ),
  WR_NOT_EMPTY: (p: { path: string }) =>
    say(`${p.path} is there already and not empty.`, 'Nothing is written over.', 'Name another, or empty it first.'),
  WR_BACKUP_INVALID: (p: { path: string; problem: string }) =>
    say(
      `${p.path} is no whole backup: ${p.problem}.`,
      'It was damaged or changed since it was made, or was never finished.',
      'Nothing was restored. Use another backup.',
    ),
} as const

const machineErrors = {
  WR_PORT_IN_USE: (p: { port: number; host: string }) =>
    say(
      `Port ${p.port} on ${p.host} is taken.`,
      'Another program listens there.',
      'Choose another: --port N (0 picks a free one).',
    ),
  WR_PERMISSION: (p: { path: string; action: string }) =>
    say(
      `No permission to ${p.action} ${p.path}.`,
      'The operating system refused.',
      'Give this user access, or use another --dir.',
    ),
  WR_DISK: (p: { path: string; reason: string }) =>
    say(`${p.path} cannot be written.`, p.reason, 'Make room or mend the disk; nothing that was acknowledged is lost.'),
  WR_TRAINER_MEMORY: (p: { limitMegabytes: number }) =>
    say(
      'Training was stopped: it needed more memory than it may use.',
      `It may use ${p.limitMegabytes} MB.`,
      'Where the machine has more, raise training.memoryMegabytes in site.yaml; otherwise a smaller batch or model is needed.',
    ),
  WR_TRAINER_TIME: (p: { minutes: number }) =>
    say(
      'Training was stopped: it took longer than it may.',
      `One call may take ${p.minutes} minutes.`,
      'Raise training.minutes in site.yaml, or ask for a study with fewer epochs a round.',
    ),
  WR_TRAINER_DENIED: (p: { what: string }) =>
    say(
      'Training was stopped: it tried what it may not.',
      `It tried to ${p.what}. Training may compute, and nothing else.`,
      'It did not get it. Keep the journal and report it: no model of an honest study does this.',
    ),
  WR_TRAINER_ANSWER: (p: { problem: string }) =>
    say(
      'Training was stopped: its process said what no trainer says.',
      p.problem,
      'Nothing of it was used. Keep the journal and report it: no model of an honest study does this.',
    ),
  WR_TRAINER_CRASHED: (p: { how: string }) =>
    say(
      'The process that trains has ended by itself.',
      `It ended ${p.how}. Where the machine runs out of memory, the system ends it.`,
      'The next task has a fresh one. If it happens again, run: wardround doctor',
    ),
  WR_STORE: (p: { store: string; reason: string }) =>
    say(
      `The ${p.store} store does not work.`,
      p.reason,
      'Check that it runs and that the address is right: wardround doctor',
    ),
  WR_DOWNLOAD: (p: { url: string; reason: string }) =>
    say(`${p.url} could not be downloaded.`, p.reason, 'Give the files with --data DIR.'),
} as const

const generalErrors = {
  WR_INTERNAL: (p: { what: string }) =>
    say(`Wardround made a mistake: ${p.what}.`, 'This is a bug.', 'Report it with the request id or the log.'),
  WR_USAGE: (p: { problem: string; command: string }) =>
    say(p.problem, 'The command was not understood.', `wardround ${p.command ? `${p.command} ` : ''}--help`),
  WR_NOT_FOUND: (p: { what: string; name: string }) =>
    say(`There is no ${p.what} ${p.name}.`, 'The name may be misspelt.', ''),
  WR_METHOD: (p: { method: string; allowed: string }) =>
    say(`This path does not answer ${p.method}.`, `It answers ${p.allowed}.`, 'See /openapi.json.'),
  WR_BODY_INVALID: (p: { field: string; problem: string }) =>
    say(
      `The request is not understood: ${p.field || 'body'}: ${p.problem}`,
      'It does not have the form of /openapi.json.',
      'Bring both sides to the same version.',
    ),
  WR_BODY_TOO_LARGE: (p: { limitBytes: number }) =>
    say(
      `The request is larger than ${p.limitBytes} bytes.`,
      'Larger things travel in pieces.',
      'Bring both sides to the same version.',
    ),
  WR_CANCELLED: () => say('Stopped.', 'Somebody asked for it.', ''),
} as const

export const errorWords = {
  ...generalErrors,
  ...studyErrors,
  ...dataErrors,
  ...trustErrors,
  ...networkErrors,
  ...stateErrors,
  ...machineErrors,
} as const

/** What each code must be told. */
export type ErrorParametersOf = {
  [Code in keyof typeof errorWords]: Parameters<(typeof errorWords)[Code]> extends [infer P] ? P : Record<string, never>
}

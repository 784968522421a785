/** Help texts: what each command does, and how it is typed. */
type Help = { readonly what: string; readonly examples: readonly string[] }

export const helpWords = {
  root: () => 'Wardround: hospitals train models together; no patient record leaves a hospital.',
  rootExamples: () =>
    [
      'Begin:',
      '  wardround demo                       four hospitals on this machine',
      '  wardround study check study.yaml     is my study valid?',
      '  wardround doctor                     is this machine ready?',
    ].join('\n'),
  examples: (lines: readonly string[]) =>
    lines.length === 0 ? '' : ['Examples:', ...lines.map((line) => `  wardround ${line}`)].join('\n'),
  groups: {
    token: 'One-time tokens for new hospitals.',
    site: 'A hospital: join, run, decide, look into the journal.',
    'site journal': 'What left this hospital.',
    study: 'Studies: write, publish, start, watch.',
    model: 'Models: finished ones, and whether one can be trained.',
  } as Readonly<Record<string, string>>,
  commands: {
    coordinator: {
      what: 'Run the coordinator of a network.',
      examples: [
        'coordinator --port 8443 --public-url https://wardround.example.org:8443',
        'coordinator --dir ./coordinator --store postgres://user@localhost/wardround',
      ],
    },
    'coordinator backup': {
      what: 'Back up the coordinator into a new folder, while it runs or not.',
      examples: ['coordinator backup /backup/2026-11-26', 'coordinator backup ./backup --dir ./coordinator --json'],
    },
    'coordinator restore': {
      what: 'Make a coordinator of a backup, in the same database as before or another.',
      examples: [
        'coordinator restore /backup/2026-11-26',
        'coordinator restore ./backup --dir ./coordinator --store postgres://user@localhost/wardround',
      ],
    },
    'token create': {
      what: 'Make a one-time token for a new hospital.',
      examples: ['token create cleveland', 'token create zurich --valid-for 2h --json'],
    },
    'site join': {
      what: 'Join a network with a token; the key is born here.',
      examples: ['site join wrj1_…', 'site join wrj1_… --dir ./site --ca hospital-ca.pem'],
    },
    'site run': {
      what: 'Work for the network: outbound only, until Ctrl-C.',
      examples: ['site run', 'HTTPS_PROXY=http://proxy:3128 wardround site run --config site.yaml'],
    },
    'site approve': {
      what: 'Read a study in plain words, see what will leave, and sign. Without a name: list what is offered.',
      examples: ['site approve', 'site approve heart-disease-1a2b3c4d'],
    },
    'site refuse': {
      what: 'Refuse a study, or take an approval back.',
      examples: ['site refuse heart-disease-1a2b3c4d --reason "no ethics vote yet"'],
    },
    'site journal verify': {
      what: 'Check that nobody changed the journal.',
      examples: ['site journal verify', 'site journal verify --json'],
    },
    'site journal show': { what: 'List what this site did and sent.', examples: ['site journal show'] },
    'site status': { what: 'What this site is and does.', examples: ['site status'] },
    'site leave': { what: 'Leave the network.', examples: ['site leave'] },
    'site list': { what: 'The hospitals of the network.', examples: ['site list'] },
    'site remove': { what: 'Remove a hospital from the network.', examples: ['site remove cleveland'] },
    'site export': {
      what: "A finished model with this hospital's own personal weights, as ONNX.",
      examples: ['site export heart-disease-1a2b3c4d --out heart.onnx'],
    },
    'study init': {
      what: 'Draft a study from a table: types, units to fill in, target, suspicious columns.',
      examples: ['study init data.csv --target outcome --out study.yaml'],
    },
    'study check': {
      what: 'Check a study, with line and field in every message.',
      examples: ['study check study.yaml', 'study check study.yaml --hospitals 5'],
    },
    'study publish': { what: 'Publish a study to the network.', examples: ['study publish study.yaml'] },
    'study list': { what: 'Every study of the network.', examples: ['study list'] },
    'study show': {
      what: 'One study: who decided what, what preflight found, what failed and why.',
      examples: ['study show heart-disease-1a2b3c4d'],
    },
    'study start': {
      what: 'Start with every hospital that approved.',
      examples: ['study start heart-disease-1a2b3c4d', 'study start heart-disease-1a2b3c4d --sites cleveland,zurich'],
    },
    'study watch': { what: 'Follow it live.', examples: ['study watch heart-disease-1a2b3c4d'] },
    'study stop': {
      what: 'End after this round with the best so far.',
      examples: ['study stop heart-disease-1a2b3c4d'],
    },
    'study results': {
      what: 'The table; with --out also report.html and report.json.',
      examples: ['study results heart-disease-1a2b3c4d --out report'],
    },
    'study export': {
      what: 'All of an ended study as one file, signed by the coordinator.',
      examples: ['study export heart-disease-1a2b3c4d heart.wardround'],
    },
    'study import': {
      what: "Take in another coordinator's study: to show it, report it and pull its model, not to train it.",
      examples: ['study import heart.wardround', 'study import heart.wardround --json'],
    },
    'model pull': {
      what: 'The model as ONNX with pre-processing, or its weights as safetensors.',
      examples: ['model pull heart-disease-1a2b3c4d --out heart.onnx'],
    },
    'model check': {
      what: 'Whether a model can be trained, what a step costs, and what stands in its way: an ONNX file, or a study.',
      examples: ['model check model.onnx', 'model check study.yaml --batch 64 --json'],
    },
    'model show': {
      what: 'The layers of a model with their outputs and parameters; with --svg a picture.',
      examples: ['model show study.yaml', 'model show model.onnx --svg model.svg'],
    },
    predict: {
      what: 'Probabilities for the records of a table; of a model that marks images the masks, as PNG files as large as the images.',
      examples: [
        'predict heart.onnx patients.csv --out scores.csv',
        'predict tumour.onnx scans.csv --masks marked --out areas.csv',
      ],
    },
    doctor: { what: 'Check this machine, line by line.', examples: ['doctor', 'doctor --config site.yaml --json'] },
    simulate: {
      what: 'A whole federation on this machine, in one process: the real coordinator and the real sites.',
      examples: ['simulate study.yaml --site a=a.csv --site b=b.csv --out report'],
    },
    demo: {
      what: 'Four hospitals, five processes, one study: to see it work.',
      examples: ['demo', 'demo --strategy fedAdam --seed 2', 'demo --json --store postgres'],
    },
  } as Readonly<Record<string, Help>>,
  options: {
    json: () => 'one JSON document on stdout, nothing else',
    verbose: () => 'say what lies behind an error',
    access: () => "access token or the file with it (default: WARDROUND_ACCESS, then the local coordinator's)",
    dir: () => 'folder to keep things in (default: under WARDROUND_HOME or ~/.wardround)',
    host: () => 'address to listen on (default 127.0.0.1)',
    port: () => 'port to listen on (default 8443; 0 picks a free one)',
    publicUrl: () => 'the address that hospitals use, if another',
    certificate: () => 'an own certificate (PEM); otherwise one is made and pinned',
    key: () => "the certificate's key (PEM)",
    store: () => 'sqlite (default), or the URL of a PostgreSQL database',
    backupStore: () => 'where no coordinator runs: sqlite (default), or the URL of its PostgreSQL database',
    restoreStore: () => 'sqlite (default), or the URL of an empty PostgreSQL database',
    demoStore: () => 'sqlite (default), or postgres: one is started for the demo',
    jsonLogs: () => 'structured logs on stderr',
    validFor: () => 'how long it is valid: 30m, 1d (default 1d)',
    ca: () => "the hospital's own authority (PEM) to trust",
    config: () => 'site.yaml (default: in the site folder)',
    yes: () => 'sign without asking',
    reason: () => 'why, for the researcher',
    out: () => 'file to write',
    masks: () => 'folder for the masks that a model marks, a PNG file each',
    outFolder: () => 'folder for report.html and report.json',
    studyName: () => 'name of the study',
    target: () => 'the outcome column',
    hospitals: () => 'how many will take part, to check that the strategy and the quorum fit',
    sites: () => 'only these hospitals, separated by commas',
    format: () => 'onnx (default), safetensors, or network: the ONNX file that the study names, trained',
    batch: () => "examples in a step (default 32, or the study's)",
    svg: () => 'file for a picture of the model',
    simulatedSite: () => 'a hospital and its table or site.yaml; once for each',
    seed: () => "another seed than the study's",
    strategy: () =>
      "another strategy than the study's: fedAvg, fedAvgM, fedProx, fedAdagrad, fedAdam, fedYogi, cyclic, median, trimmedMean, krum, multiKrum, geometricMedian, normBound, centredClipping, fedNova, qFedAvg, scaffold, fedDyn, fedBuff",
    data: () => 'folder with the four UCI files',
  },
}

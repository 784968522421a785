/** The command tree. Each command's module is loaded when it is called: `--help` and a site need not load the server. */
import { WardroundError } from '@wardround/core/errors.ts'
import { helpWords } from '@wardround/core/words/en/help.ts'
import { Command, CommanderError } from 'commander'
import { type CommonOptions, type Outcome, runCommand, showError } from './output.ts'
import type { Runtime } from './runtime.ts'

export type Program = { run(argv: readonly string[]): Promise<number> }

/** A command's work, with what was typed. */
type Work<O> = (
  runtime: Runtime,
  typed: { readonly args: readonly string[]; readonly options: O & CommonOptions },
) => Promise<Outcome>

type Spec = {
  readonly name: string
  readonly arguments?: string
  readonly options?: readonly (readonly [flags: string, description: string])[]
  /** The module that does it, and its function. */
  readonly load: () => Promise<Work<Record<string, never>>>
}

const accessOption = ['--access <file|token>', helpWords.options.access()] as const
const dirOption = ['--dir <folder>', helpWords.options.dir()] as const

const specs: readonly Spec[] = [
  {
    name: 'coordinator',
    options: [
      dirOption,
      ['--host <address>', helpWords.options.host()],
      ['--port <number>', helpWords.options.port()],
      ['--public-url <url>', helpWords.options.publicUrl()],
      ['--certificate <file>', helpWords.options.certificate()],
      ['--key <file>', helpWords.options.key()],
      ['--store <sqlite|url>', helpWords.options.store()],
      ['--json-logs', helpWords.options.jsonLogs()],
    ],
    load: async () => (await import('./commands/coordinator.ts')).coordinatorCommand,
  },
  {
    name: 'coordinator backup',
    arguments: '<folder>',
    options: [dirOption, ['--store <sqlite|url>', helpWords.options.backupStore()]],
    load: async () => (await import('./commands/coordinator-backup.ts')).coordinatorBackup,
  },
  {
    name: 'coordinator restore',
    arguments: '<folder>',
    options: [dirOption, ['--store <sqlite|url>', helpWords.options.restoreStore()]],
    load: async () => (await import('./commands/coordinator-backup.ts')).coordinatorRestore,
  },
  {
    name: 'token create',
    arguments: '<site>',
    options: [accessOption, ['--valid-for <duration>', helpWords.options.validFor()]],
    load: async () => (await import('./commands/network.ts')).tokenCreate,
  },
  {
    name: 'site join',
    arguments: '<token>',
    options: [dirOption, ['--ca <file>', helpWords.options.ca()]],
    load: async () => (await import('./commands/site.ts')).siteJoin,
  },
  {
    name: 'site run',
    options: [dirOption, ['--config <file>', helpWords.options.config()]],
    load: async () => (await import('./commands/site.ts')).siteRun,
  },
  {
    name: 'site approve',
    arguments: '[study]',
    options: [dirOption, ['--config <file>', helpWords.options.config()], ['--yes', helpWords.options.yes()]],
    load: async () => (await import('./commands/decide.ts')).siteApprove,
  },
  {
    name: 'site refuse',
    arguments: '<study>',
    options: [dirOption, ['--reason <text>', helpWords.options.reason()]],
    load: async () => (await import('./commands/decide.ts')).siteRefuse,
  },
  {
    name: 'site journal verify',
    options: [dirOption],
    load: async () => (await import('./commands/journal.ts')).journalVerify,
  },
  {
    name: 'site journal show',
    options: [dirOption],
    load: async () => (await import('./commands/journal.ts')).journalShow,
  },
  { name: 'site status', options: [dirOption], load: async () => (await import('./commands/site.ts')).siteStatus },
  { name: 'site leave', options: [dirOption], load: async () => (await import('./commands/site.ts')).siteLeave },
  { name: 'site list', options: [accessOption], load: async () => (await import('./commands/network.ts')).siteList },
  {
    name: 'site remove',
    arguments: '<site>',
    options: [accessOption],
    load: async () => (await import('./commands/network.ts')).siteRemove,
  },
  {
    name: 'site export',
    arguments: '<study>',
    options: [dirOption, ['--config <file>', helpWords.options.config()], ['--out <file>', helpWords.options.out()]],
    load: async () => (await import('./commands/model.ts')).siteExport,
  },
  {
    name: 'study init',
    arguments: '<data.csv>',
    options: [
      ['--name <name>', helpWords.options.studyName()],
      ['--target <column>', helpWords.options.target()],
      ['--out <file>', helpWords.options.out()],
    ],
    load: async () => (await import('./commands/study-init.ts')).studyInit,
  },
  {
    name: 'study check',
    arguments: '<file>',
    options: [['--hospitals <number>', helpWords.options.hospitals()]],
    load: async () => (await import('./commands/study.ts')).studyCheck,
  },
  {
    name: 'study publish',
    arguments: '<file>',
    options: [accessOption],
    load: async () => (await import('./commands/study.ts')).studyPublish,
  },
  { name: 'study list', options: [accessOption], load: async () => (await import('./commands/study.ts')).studyList },
  {
    name: 'study show',
    arguments: '<study>',
    options: [accessOption],
    load: async () => (await import('./commands/study.ts')).studyShow,
  },
  {
    name: 'study start',
    arguments: '<study>',
    options: [accessOption, ['--sites <names>', helpWords.options.sites()]],
    load: async () => (await import('./commands/study.ts')).studyStart,
  },
  {
    name: 'study watch',
    arguments: '<study>',
    options: [accessOption],
    load: async () => (await import('./commands/study.ts')).studyWatch,
  },
  {
    name: 'study stop',
    arguments: '<study>',
    options: [accessOption],
    load: async () => (await import('./commands/study.ts')).studyStop,
  },
  {
    name: 'study results',
    arguments: '<study>',
    options: [accessOption, ['--out <folder>', helpWords.options.outFolder()]],
    load: async () => (await import('./commands/study.ts')).studyResults,
  },
  {
    name: 'study export',
    arguments: '<study> <file>',
    options: [accessOption],
    load: async () => (await import('./commands/study-file.ts')).studyExport,
  },
  {
    name: 'study import',
    arguments: '<file>',
    options: [accessOption],
    load: async () => (await import('./commands/study-file.ts')).studyImport,
  },
  {
    name: 'model pull',
    arguments: '<study>',
    options: [
      accessOption,
      ['--out <file>', helpWords.options.out()],
      ['--format <onnx|safetensors|network>', helpWords.options.format()],
    ],
    load: async () => (await import('./commands/model.ts')).modelPull,
  },
  {
    name: 'model check',
    arguments: '<file>',
    options: [['--batch <number>', helpWords.options.batch()]],
    load: async () => (await import('./commands/model-check.ts')).modelCheck,
  },
  {
    name: 'model show',
    arguments: '<file>',
    options: [['--svg <file>', helpWords.options.svg()]],
    load: async () => (await import('./commands/model-show.ts')).modelShow,
  },
  {
    name: 'predict',
    arguments: '<model> <data.csv>',
    options: [
      ['--config <file>', helpWords.options.config()],
      ['--out <file>', helpWords.options.out()],
      ['--masks <folder>', helpWords.options.masks()],
    ],
    load: async () => (await import('./commands/predict.ts')).predictCommand,
  },
  {
    name: 'doctor',
    options: [dirOption, ['--config <file>', helpWords.options.config()]],
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
  {
    name: 'simulate',
    arguments: '<study.yaml>',
    options: [
      ['--site <name=file...>', helpWords.options.simulatedSite()],
      ['--out <folder>', helpWords.options.outFolder()],
      ['--seed <number>', helpWords.options.seed()],
      ['--strategy <name>', helpWords.options.strategy()],
    ],
    load: async () => (await import('./commands/simulate.ts')).simulateCommand,
  },
  {
    name: 'demo',
    options: [
      ['--data <folder>', helpWords.options.data()],
      ['--out <folder>', helpWords.options.outFolder()],
      ['--seed <number>', helpWords.options.seed()],
      ['--sites <names>', helpWords.options.sites()],
      ['--strategy <name>', helpWords.options.strategy()],
      ['--store <sqlite|postgres>', helpWords.options.demoStore()],
    ],
    load: async () => (await import('./commands/demo.ts')).demoCommand,
  },
]

export const commandNames: readonly string[] = specs.map(({ name }) => name)

export function buildProgram(runtime: Runtime): Program {
  let exitCode = 0
  const root = new Command('wardround')
    .description(helpWords.root())
    .version(runtime.version)
    .exitOverride()
    .showHelpAfterError(false)
    // What comes after a command's name is that command's, and not that of the one above it.
    .enablePositionalOptions()
  root.configureOutput({
    writeOut: (text) => runtime.stdout.write(text),
    // A group without a command shows its help; what was mistyped is said by showError().
    writeErr: (text) => runtime.stdout.write(text),
    outputError: () => undefined,
    getOutHelpWidth: () => runtime.stdout.columns,
  })
  root.addHelpText('after', `\n${helpWords.rootExamples()}`)
  const groups = new Map<string, Command>([['', root]])
  for (const spec of specs) {
    const words = spec.name.split(' ')
    const parent = groupFor(groups, words.slice(0, -1))
    const command = parent
      .command(`${words.at(-1)}${spec.arguments === undefined ? '' : ` ${spec.arguments}`}`)
      .description(helpWords.commands[spec.name]?.what ?? '')
    for (const [flags, description] of spec.options ?? []) command.option(flags, description)
    groups.set(spec.name, command)
    command.option('--json', helpWords.options.json()).option('--verbose', helpWords.options.verbose())
    command.addHelpText('after', `\n${helpWords.examples(helpWords.commands[spec.name]?.examples ?? [])}`)
    command.action(async (...typed: unknown[]) => {
      const options = command.opts<Record<string, never> & CommonOptions>()
      const args = typed.slice(0, -2).map((value) => (value === undefined ? '' : String(value)))
      exitCode = await runCommand(runtime, options, async () => (await spec.load())(runtime, { args, options }))
    })
  }
  return {
    async run(argv) {
      try {
        await root.parseAsync([...argv], { from: 'user' })
      } catch (error) {
        if (!(error instanceof CommanderError)) throw error
        if (error.exitCode === 0 || error.code === 'commander.help') return 0
        const command = commandNames.findLast((name) => `${argv.join(' ')} `.startsWith(`${name} `)) ?? ''
        return showError(
          runtime,
          { json: argv.includes('--json') },
          new WardroundError('WR_USAGE', { problem: error.message.replace(/^error: /, ''), command }),
        )
      }
      return exitCode
    },
  }
}

function groupFor(groups: Map<string, Command>, path: readonly string[]): Command {
  const key = path.join(' ')
  const found = groups.get(key)
  if (found !== undefined) return found
  const made = groupFor(groups, path.slice(0, -1))
    .command(path.at(-1) ?? '')
    .description(helpWords.groups[key] ?? '')
  groups.set(key, made)
  return made
}

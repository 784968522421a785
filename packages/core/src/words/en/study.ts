/** A study in plain words: for the researcher who writes it and for the hospital that decides on it. */
import { plannedFacts } from '../../graph/inspect/planned.ts'
import { scoreBins } from '../../metrics/schema.ts'
import { sha256Hex } from '../../protocol/canonical.ts'
import type { AugmentSpec } from '../../study/augment.ts'
import type { Branch, LayerSpec } from '../../study/layers.ts'
import type { Loss } from '../../study/loss.ts'
import { askedMetrics } from '../../study/metrics.ts'
import type { ClipSpec, OnnxSpec } from '../../study/model.ts'
import { layersIn, startIn } from '../../study/model-forms.ts'
import { type OptimizerName, optimizerName } from '../../study/optimizer.ts'
import { type LossName, lossName } from '../../study/outcome.ts'
import { countingOf, optimizerOptions } from '../../study/rate.ts'
import type { ScheduleSpec } from '../../study/schedule.ts'
import { type ColumnSpec, measuredOn, type Study } from '../../study/study.ts'
import { figureWords } from './figures.ts'
import { importedWords } from './imported.ts'

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
const percent = (share: number): string => `${Math.round(share * 100)} %`

type Limit = { readonly of: 'number' | 'text' | 'list'; readonly limit: number; readonly inclusive: boolean }

/** Kinds of values as zod and JavaScript name them, as a person who writes YAML knows them. */
const kinds: Readonly<Record<string, string>> = {
  object: 'fields with values',
  record: 'fields with values',
  array: 'a list [ … ]',
  tuple: 'a list of two values [ …, … ]',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  fraction: 'a number with a fraction',
  boolean: 'true or false',
  null: 'empty',
}
const kindText = (kind: string): string => kinds[kind] ?? kind

/** What can be wrong with a study document. */
export const problemWords = {
  tooLarge: (limit: number) => `It is larger than ${limit / 1024} KiB; a study is never that large.`,
  tooDeep: (levels: number) =>
    `Lists and records stand inside one another more than ${levels} deep; no study needs that.`,
  aliases: () => 'Anchors and aliases (& and *) are not allowed in a study.',
  notJson: () => 'It is not JSON.',
  unknownField: (field: string, meant: string | undefined) =>
    `there is no field ${field} here${meant === undefined ? '. Unknown fields are refused, so that nothing is silently ignored' : `. Did you mean ${meant}?`}`,
  brokenText: () => 'this text holds half a character, which cannot be written down (a lone surrogate)',
  missingField: () => 'this field is missing',
  wrongKind: (expected: string, received: string) => `this must be ${kindText(expected)}, not ${kindText(received)}`,
  oneOf: (allowed: readonly string[]) => `this must be ${allowed.length === 1 ? '' : 'one of '}${allowed.join(', ')}`,
  tooSmall: ({ of, limit, inclusive }: Limit) =>
    of === 'text'
      ? 'this may not be empty'
      : of === 'list'
        ? `at least ${plural(limit, 'entry', 'entries')} must stand here`
        : `this must be ${inclusive ? 'at least' : 'above'} ${limit}`,
  tooBig: ({ of, limit, inclusive }: Limit) =>
    of === 'text'
      ? `this may have at most ${plural(limit, 'character')}`
      : of === 'list'
        ? `at most ${plural(limit, 'entry', 'entries')} may stand here`
        : `this must be ${inclusive ? 'at most' : 'below'} ${limit}`,
  augmentNothing: () => 'only images are changed by chance, and no column of this study is one',
  imageAlone: () => 'an image is all that a model of this version takes: leave the other columns out',
  noColumns: () => 'name at least one column to learn from',
  splitBy: (column: string) => `${column} already says something else; a given split has a column of its own`,
  leak: (column: string) =>
    `${column} cannot be an input as well: the model would be told the answer, who it is, or who is tested`,
  lossFor: (fitting: readonly string[], given: string) =>
    `this target goes with ${fitting.join(' or ')}, not with ${given}`,
  lateTwice: () => 'strategy.fedBuff.staleness says already what becomes of late updates; leave this out',
  lateInTurn: () =>
    'with strategy.cyclic each hospital goes on where the one before it ended, so nothing that is late can count',
  lateAndKept: (name: string) =>
    `with strategy.${name} a hospital keeps what its own update was, so that none can count later, or for less; leave this out`,
  plainDescentOnly: (name: string) =>
    `strategy.${name} reads a hospital's mean gradient out of its update, which is that of plain gradient descent only: sgd without momentum, schedule and clipGradients`,
  measuredLossOnly: (name: string) =>
    `strategy.${name} weighs hospitals by the loss of their predictions, which is binaryCrossEntropy, categoricalCrossEntropy (without fields), meanSquaredError, dice or diceCrossEntropy; train with that`,
  quorumOverBuffer: (quorum: number, buffer: number) =>
    `a round is over with its first ${buffer} updates (strategy.fedBuff.buffer), so it can never have ${quorum}`,
  statisticsCorrected: (name: string) =>
    `strategy.${name} corrects gradients, and the running statistics of batchNormalization have none; groupNormalization goes with every strategy`,
  statisticsOfOne: () => 'batchNormalization needs at least two records in a batch',
  timeIsEvent: (column: string) => `${column} already says the time; what happened then is a column of its own`,
  timesUnweighted: () => 'the partial likelihood has no weights of examples: leave this out',
  maskOfNothing: () => 'a mask is of an image, and no column of this study is one',
  areasUnweighted: () => 'records are weighed by their class, and a mask has pixels of several: leave this out',
  labelOutputs: (labels: number, outputs: number) =>
    `the target has ${labels} labels, the last layer ${outputs === 1 ? 'one output' : `${outputs} outputs`} a pixel`,
  comparedBatch: (most: number) =>
    `the partial likelihood compares the records of a batch with one another: from 2 to ${most}`,
  microbatchOverBatch: (batch: number) => `a part of a batch of ${batch} cannot be larger than it`,
  amount: () => 'say how much a hospital trains in a round: in epochs or in steps, one of the two',
  figureFor: (known: readonly string[], given: string) =>
    `a model of this target is measured by ${known.join(', ')}, not by ${given}`,
  metricFor: (known: readonly string[], given: string) =>
    `a rule for stopping on this target goes by ${known.join(', ')}, not by ${given}`,
  classOutputs: (classes: number, outputs: number) =>
    `the target has ${classes} classes, the last layer ${outputs} outputs`,
  smallCohort: (minimum: number) =>
    `minimumCohort is ${minimum}: figures about so few patients can point to one of them; 5 or more is usual`,
  stopsOnTraining: () =>
    'there are no validation patients: the stop rule watches the training records, which a large model can learn by heart',
  stopsOnOne: () =>
    'rounds.stop: with cyclic each round is measured at one hospital, so that the rule compares different hospitals',
  medianOfFew: (quorum: number) =>
    `strategy: the median of ${quorum === 1 ? 'one hospital is its own update' : 'two hospitals is their mean'}, and a round may have only ${quorum}; from three on it bears one that is wrong`,
  trimsNobody: (beta: number, quorum: number) =>
    `strategy.trimmedMean.beta: of the ${plural(quorum, 'hospital')} that a round may have ${beta} leaves nobody out; at least ${Math.ceil(1 / beta)} are needed for that, or a larger beta`,
  krumOfFew: (name: string, { sites, wanted, bears }: { sites: number; wanted: number; bears: number }) =>
    `strategy.${name}: a round may have only ${plural(sites, 'hospital')} and bears ${bears === 0 ? 'nobody' : bears} that ${bears > 1 ? 'are' : 'is'} wrong, not ${wanted}; at least ${2 * wanted + 3} hospitals are needed for that`,
  keepsTheWrong: ({ kept, sites, wrong }: { kept: number; sites: number; wrong: number }) =>
    `strategy.multiKrum.keep: the mean of ${kept} of ${sites} hospitals cannot leave out ${wrong} that ${wrong > 1 ? 'are' : 'is'} wrong; keep at most ${Math.max(1, sites - wrong)}`,
  majorityOfFew: (name: string, sites: number) =>
    `strategy.${name}: a round may have only ${plural(sites, 'hospital')}, no majority against one that is wrong; three are one`,
  notPlainDescent: (name: string) =>
    `strategy.${name} is published for plain gradient descent at the hospitals (training.optimizer.sgd without momentum, schedule and clipGradients); otherwise it is another algorithm`,
  quorumOutOfReach: (quorum: number, hospitals: number) =>
    `rounds.quorum is ${quorum}, and ${plural(hospitals, 'hospital')} will take part: no round can ever have it`,
  patienceTooLong: () => 'rounds.stop.patience is not below rounds.maximum: the stop rule can never stop anything',
  issue: ({ line, field, problem }: { line: number; field: string; problem: string }) =>
    `${line > 0 ? `line ${line}: ` : ''}${field || 'the document'}: ${problem}`,
}

function columnText(name: string, spec: ColumnSpec): string {
  switch (spec.type) {
    case 'number':
      return `${name}: a number${spec.unit === '1' ? '' : ` in ${spec.unit}`}, between ${spec.range[0]} and ${spec.range[1]}`
    case 'category':
      return `${name}: one of ${Object.values(spec.values).join(', ')}`
    case 'image':
      return `${name}: an image, ${spec.channels === 1 ? 'grey' : 'in colours'}, brought to ${spec.size[0]} by ${spec.size[1]} pixels`
  }
}

const targetText = ({ target }: Study['data']): string => {
  if ('time' in target)
    return `how long until ${target.event.column} (counted as the event when ${target.event.positive}; otherwise observed without it), by ${target.time.column} (a number in ${target.time.unit})`
  if ('positive' in target) return `${target.column} (counted as positive when ${target.positive})`
  if ('classes' in target) return `${target.column} (one of ${Object.values(target.classes).join(', ')})`
  if ('mask' in target)
    return `${target.column} (an image that says of each pixel what it shows: ${Object.values(target.mask).join(', ')})`
  return `${target.column} (a number in ${target.unit})`
}

const layerText = (layer: LayerSpec): string => {
  if ('dense' in layer) return `${plural(layer.dense, 'unit')}, ${layer.activation}`
  if ('dropout' in layer) return `dropout of ${percent(layer.dropout)}`
  if ('residual' in layer)
    return `layers whose input is added to what they make (${layer.residual.map(layerText).join('; ')})`
  if ('add' in layer) return `branches, added up (${layer.add.map(branchText).join(' | ')})`
  if ('concat' in layer) return `branches, side by side (${layer.concat.map(branchText).join(' | ')})`
  const [kind = '', value] = Object.entries(layer)[0] ?? []
  const size = typeof value === 'object' ? '' : ` ${value}`
  return 'activation' in layer && kind !== 'activation' && layer.activation !== 'linear'
    ? `${kind}${size}, ${layer.activation}`
    : `${kind}${size}`
}
const branchText = (branch: Branch): string =>
  branch.length === 0 ? 'the input itself' : branch.map(layerText).join('; ')

const modelText = (study: Study): string => {
  const { model } = study
  if ('onnx' in model) {
    const facts = plannedFacts(study)
    const { sha256 } = model.onnx.weights
    return facts === undefined ? '' : importedWords.model(facts, { graph: graphDigest(model.onnx), weights: sha256 })
  }
  const sizes = layersIn(model).map(layerText)
  return sizes.length === 1
    ? 'one dense layer (a regression)'
    : `a network of ${sizes.length} layers (${sizes.join('; ')})`
}

const graphDigest = ({ graph }: OnnxSpec): string => sha256Hex(Uint8Array.fromBase64(graph))

const costText = (study: Study): readonly string[] => {
  const facts = plannedFacts(study)
  return facts === undefined ? [] : [importedWords.cost(facts, optimizerName(study.training.optimizer))]
}

const frozenText = ({ frozen = [] }: Study['model']): string =>
  frozen.length === 0
    ? ''
    : ` ${frozen.join(', ')} ${frozen.length === 1 ? 'is' : 'are'} frozen: not trained, and never sent.`

const startText = (model: Study['model']): string => {
  const names = Object.keys(startIn(model))
  return names.length === 0 ? '' : ` ${names.join(', ')} start from the values in the plan.`
}

const lossNames: Readonly<Record<LossName, string>> = {
  binaryCrossEntropy: 'the cross-entropy of its probabilities',
  binaryFocalCrossEntropy: 'the focal cross-entropy of its probabilities',
  categoricalCrossEntropy: 'the cross-entropy of its probabilities',
  categoricalFocalCrossEntropy: 'the focal cross-entropy of its probabilities',
  meanSquaredError: 'the square of its error',
  meanAbsoluteError: 'the size of its error',
  huber: "Huber's function of its error",
  coxPartialLikelihood: "Cox's partial likelihood of who had the event before whom, among the records of a step",
  dice: '1 − Dice of the areas that it marks',
  diceCrossEntropy: '1 − Dice of the areas that it marks, and the cross-entropy of each pixel,',
}

const lossText = (loss: Loss): string => {
  const options = typeof loss === 'string' ? [] : Object.entries(Object.values<object>(loss)[0] ?? {})
  const told = options.map(([name, value]) => `${name} ${String(value)}`).join(', ')
  return `${lossNames[lossName(loss)]}${told === '' ? '' : ` (${told})`}`
}

const optimizerNames: Readonly<Record<OptimizerName, string>> = {
  sgd: 'gradient descent',
  adam: 'Adam',
  adamW: 'AdamW',
  rmsProp: 'RMSprop',
  adagrad: 'Adagrad',
  lamb: 'LAMB',
}

const optimizerText = ({ optimizer, schedule, clipGradients, augment }: Study['training']): string => {
  const options = optimizerOptions(optimizer)
  return [
    `${optimizerNames[optimizerName(optimizer)]}, rate ${options.rate}`,
    ...('momentum' in options && options.momentum > 0 ? [`momentum ${options.momentum}`] : []),
    ...('nesterov' in options && options.nesterov ? ["Nesterov's"] : []),
    ...('centered' in options && options.centered ? ['centred'] : []),
    ...(options.weightDecay === undefined || options.weightDecay === 0 ? [] : [`weight decay ${options.weightDecay}`]),
    ...(schedule === undefined ? [] : [scheduleText(schedule)]),
    ...(clipGradients === undefined ? [] : [clipText(clipGradients)]),
    ...(augment === undefined ? [] : [augmentText(augment)]),
  ].join(', ')
}

const augmentText = ({ flip, shift, rotation, scale, brightness }: AugmentSpec): string => {
  const changes = [
    ...(flip === 'none' ? [] : [`turned over (${flip})`]),
    ...(shift > 0 ? [`shifted by up to ${percent(shift)}`] : []),
    ...(rotation > 0 ? [`turned by up to ${rotation}°`] : []),
    ...(scale > 0 ? [`up to ${percent(scale)} larger or smaller`] : []),
    ...(brightness > 0 ? [`up to ${percent(brightness)} of white brighter or darker`] : []),
  ]
  return changes.length === 0 ? 'images as they are' : `images by chance ${changes.join(', ')}`
}

const scheduleText = (schedule: ScheduleSpec): string => {
  const { over, warmUp } = countingOf(schedule)
  const unit = over === 'rounds' ? 'round' : 'step'
  const shape =
    'step' in schedule
      ? `times ${schedule.step.factor} after every ${plural(schedule.step.every, unit)}`
      : 'exponential' in schedule
        ? `times ${schedule.exponential.factor} after every ${unit}`
        : 'cosine' in schedule
          ? `falling along a cosine to ${percent(schedule.cosine.final)} in ${plural(schedule.cosine.length, unit)}`
          : 'constant'
  const within = over === 'steps' ? ' of each round' : ''
  return `the rate ${shape}${within}${warmUp === 0 ? '' : ` after rising for ${plural(warmUp, unit)}`}`
}

const clipText = (clip: ClipSpec): string =>
  'norm' in clip ? `gradients cut to the norm ${clip.norm}` : `gradients cut at ±${clip.value}`

const splitText = (split: Study['data']['split']): string => {
  if ('column' in split)
    return `Each hospital's column ${split.column} says which patients are trained on, ${split.validation ? 'which decide when to stop, ' : ''}and which are kept apart for one test at the end.`
  const validation = split.validation > 0 ? `, and ${percent(split.validation)} to decide when to stop` : ''
  return `Of the patients at each hospital, ${percent(split.test)} are kept apart for one test at the end${validation}.`
}

const amountText = ({ epochs, steps, batch }: Study['training']): string =>
  steps === undefined
    ? `goes ${epochs === 1 ? 'once' : `${epochs} times`} through its own training records`
    : `takes ${plural(steps, 'step')} of ${plural(batch, 'training record')} of its own`

const roundText = ({ training, strategy }: Study): string => {
  const work = `${amountText(training)} (${optimizerText(training)})`
  return 'cyclic' in strategy
    ? `each goes to one hospital, in ${strategy.cyclic.order === 'name' ? 'order of name' : 'an order drawn for each cycle'}, which ${work} and hands the model on`
    : `in each, every hospital ${work}, and the coordinator combines the changes by ${Object.keys(strategy).join('')}`
}

/** The plan, a paragraph a line. */
export function describePlan(study: Study): readonly string[] {
  const { data, rounds } = study
  const stop = rounds.stop
  const measured = measuredOn(study)
  return [
    `Question: ${study.question}`,
    `It reads, for each record, whose it is (${data.patient}), the outcome ${targetText(data)}, and ${plural(Object.keys(data.columns).length, 'column')}: ${Object.entries(
      data.columns,
    )
      .map(([name, spec]) => columnText(name, spec))
      .join('; ')}.`,
    `${splitText(data.split)} Nothing is said about fewer than ${data.minimumCohort} patients.`,
    `The model is ${modelText(study)}.${study.model.personal.length > 0 ? ` ${study.model.personal.join(', ')} ${study.model.personal.length === 1 ? 'stays' : 'stay'} at each hospital.` : ''}${frozenText(study.model)}${startText(study.model)}`,
    ...costText(study),
    `It is trained to make ${lossText(study.training.loss)} small, in at most ${plural(rounds.maximum, 'round')}; ${roundText(study)}.`,
    stop === undefined
      ? 'It runs all its rounds.'
      : `It stops when ${figureWords.metric(stop.metric)} on the ${measured} records has not improved by more than ${stop.minimumChange} for ${plural(stop.patience, 'round')}.`,
    rounds.quorum === undefined
      ? `A round needs every hospital; after ${rounds.deadline} without one it is given up.`
      : `A round needs ${plural(rounds.quorum, 'hospital')}; it waits for the others for at most ${rounds.deadline}.`,
  ]
}

/** metrics/schema.ts, in words: what a site says of a model's predictions. */
const statisticText = (target: Study['data']['target']): string => {
  if ('time' in target) return 'how many pairs of patients were put in the right order, and the partial likelihood'
  if ('positive' in target)
    return `a histogram of predicted probabilities by outcome (${scoreBins} bins, each with the sums of its probabilities and of their squared errors; a bin may hold one patient)`
  if ('classes' in target) return 'how often each class was taken for each (a figure may be about one patient)'
  if ('mask' in target)
    return 'the sum of the losses, and of each label in how many images it is there or marked and the sums of its overlaps (a figure may be about one patient)'
  return 'sums of the errors and of the outcomes, and of their squares'
}
const figuresText = (study: Study): string => {
  const names = askedMetrics(study).map(figureWords.metric)
  return names.length < 2
    ? `the ${names.join('')} with its interval`
    : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} with intervals`
}

/** Exactly what leaves a hospital, and what never does. */
export function describeReleases(
  study: Study,
  minimumCohort: number,
): { readonly leaves: readonly string[]; readonly never: readonly string[] } {
  const { data } = study
  const shared = study.model.personal.length > 0 ? ` (not ${study.model.personal.join(', ')})` : ''
  const numbers = Object.entries(data.columns)
    .filter(([, spec]) => spec.type === 'number')
    .map(([name]) => name)
  const categories = Object.entries(data.columns)
    .filter(([, spec]) => spec.type === 'category')
    .map(([name]) => name)
  const images = Object.entries(data.columns)
    .filter(([, spec]) => spec.type === 'image')
    .map(([name]) => name)
  return {
    leaves: [
      `Once, before training: the number of patients and records in each part; faults found in the data, by column and count.`,
      ...(numbers.length > 0
        ? [
            `Once, of ${numbers.join(', ')} on the training records: count, mean, variance and a coarse histogram (at least ${minimumCohort} patients in each bin).`,
          ]
        : []),
      ...(categories.length > 0
        ? [`Once, of ${categories.join(', ')} on the training records: how often each code occurs.`]
        : []),
      ...(images.length > 0
        ? [
            `Once, of ${images.join(', ')} on the training records: how many, and the mean and variance of all their pixels together.`,
          ]
        : []),
      'mask' in data.target
        ? 'Once: how many training patients have anything marked, and how many have nothing.'
        : 'Once: how many training patients have each outcome.',
      `Each round (at most ${study.rounds.maximum}): the changes of the shared weights${shared}, their size, the numbers of training records and of steps, the training loss${'qFedAvg' in study.strategy ? ', and the loss on the training records before training' : ''}.`,
      `Each round: ${figureWords.metric(study.rounds.stop?.metric ?? 'loss')} on the ${measuredOn(study)} records, as one number for all of them, and the numbers of records and patients.`,
      `Once, at the end: the numbers of training and test patients; ${figuresText(study)} on the test patients, for the federated model, for one trained here alone, and their difference; for both models also ${statisticText(data.target)}; how many rounds training alone took.`,
      'Your decision on this plan, and your reason if you give one. When something fails: an error code, with names of columns where it is about them, never a value.',
      `Figures about fewer than ${minimumCohort} patients are left out; the changes of the weights are then not sent at all.`,
    ],
    never: [
      'Any record or any value of one.',
      'Patient identifiers, as they are or in any other form.',
      ...(study.model.personal.length > 0 ? [`${study.model.personal.join(', ')}.`] : []),
      ...(data.normalise === 'per-site' ? ['The scales that this hospital normalises its columns by.'] : []),
    ],
  }
}

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { WardroundError } from '../errors.ts'
import { sha256Hex } from './canonical.ts'
import { parseStudy, validatePlan } from './plan.ts'
import { warningsFor } from './plan-warnings.ts'

const source = readFileSync(new URL('../../../../examples/heart-disease/study.yaml', import.meta.url), 'utf8')

type Failure = { code: string; line: number; field: string; problem: string; issues: readonly string[]; what: string }

function failureOf(text: string): Failure {
  try {
    parseStudy(text)
  } catch (error) {
    assert.ok(error instanceof WardroundError, String(error))
    const { line = 0, field = '', problem = '', issues = [] } = error.parameters
    assert.ok(Array.isArray(issues))
    return {
      code: error.code,
      line: Number(line),
      field: String(field),
      problem: String(problem),
      issues: issues.map(String),
      what: error.sentences.what,
    }
  }
  return assert.fail('this parsed')
}
const changed = (from: string, to: string): string => {
  assert.ok(source.includes(from), from)
  return source.replace(from, to)
}
/** Where the changed text begins, counted here and not by the parser. */
const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length

test('the example is a study, with its defaults filled in', () => {
  const { study, plan, warnings } = parseStudy(source)
  assert.equal(study.name, 'heart-disease')
  assert.deepEqual(study.strategy, { fedProx: { rate: 1, mu: 0.1 } })
  assert.equal(study.data.split.validation, 0)
  assert.deepEqual(plan, JSON.parse(JSON.stringify(study)))
  // The stop rule watches training records; nothing else is unwise.
  assert.equal(warnings.length, 1)
})

/** What is written instead of what; the field named; what the problem says. The line is where the new text begins. */
const mistakes: readonly [from: string, to: string, field: string, problem: RegExp][] = [
  ['epochs: 5', 'epoch: 5', 'training.epoch', /Did you mean epochs\?/],
  ['sgd: { rate', 'sgdd: { rate', 'training.optimizer.sgdd', /Did you mean sgd\?/],
  ['fedProx: { mu: 0.1 }', 'fedavg: {}', 'strategy.fedavg', /Did you mean fedAvg\?/],
  ['fedProx: { mu: 0.1 }', 'fedprox: { mu: 0.1 }', 'strategy.fedprox', /Did you mean fedProx\?/],
  ['fedProx: { mu: 0.1 }', 'fedyogi: { rate: 0.1 }', 'strategy.fedyogi', /Did you mean fedYogi\?/],
  ['seed: 1', 'colour: red', 'colour', /no field colour/],
  ['epochs: 5', 'epochs: 5.5', 'training.epochs', /a whole number, not a number with a fraction/],
  ['epochs: 5', "epochs: '5'", 'training.epochs', /a number, not text/],
  ['epochs: 5', 'epochs: 0', 'training.epochs', /at least 1/],
  ['epochs: 5', 'epochs:', 'training.epochs', /not empty/],
  ['epochs: 5', 'epochs: 5\n  steps: 100', 'training.epochs', /in epochs or in steps, one of the two/],
  ['epochs: 5', 'step: 100', 'training.step', /Did you mean steps\?/],
  ['epochs: 5', 'steps: 0', 'training.steps', /at least 1/],
  ['positive: "> 0"', 'positive: ">0"', 'data.target.positive', /like "> 0"/],
  ['quorum: 3', 'quorum: 0', 'rounds.quorum', /at least 1/],
  ['deadline: 10m', 'deadline: 10 minutes', 'rounds.deadline', /10m/],
  ['name: heart-disease', 'name: Heart Disease', 'name', /lower-case/],
  ['wardround: 1', 'wardround: 2', 'wardround', /must be 1/],
  ['seed: 1', 'seed: -1', 'seed', /at least 0/],
]
for (const [from, to, field, problem] of mistakes)
  test(`${from} → ${to} names the line, the field and the mend`, () => {
    const text = changed(from, to)
    const failure = failureOf(text)
    assert.equal(failure.code, 'WR_STUDY_INVALID')
    assert.equal(failure.field, field)
    assert.equal(failure.line, lineOf(text, to))
    assert.match(failure.problem, problem)
    assert.equal(failure.issues.length, 1, failure.issues.join('\n'))
    assert.ok(failure.what.includes(`line ${failure.line}`) && failure.what.includes(field))
  })

/** Mistakes inside a line: what the field is called, and what the problem says. */
const inner: readonly [from: string, to: string, field: string, problem: RegExp][] = [
  ['type: number, unit: a,', 'type: numeric, unit: a,', 'data.columns.age.type', /one of number, category/],
  ['type: number, unit: a,', 'type: number,', 'data.columns.age.unit', /missing/],
  ['[18, 110]', '[110, 18]', 'data.columns.age.range', /first must be below/],
  ['[18, 110]', '18', 'data.columns.age.range', /a list of two values/],
  ['[18, 110]', '[18]', 'data.columns.age.range', /2 entries/],
  ['dense: 1, name', 'dense: 1, activaton: relu, name', 'model.layers.0.activaton', /activation/],
  ['{ dense: 1,', '{ dens: 1,', 'model.layers.0.dens', /dense/],
  ['fedProx: { mu: 0.1 }', 'fedAdam: {}', 'strategy.fedAdam.rate', /missing/],
  ['metric: loss', 'metric: f1', 'rounds.stop.metric', /one of loss, accuracy, auroc, brier/],
  ['test: 0.34', 'test: 0.99', 'data.split', /too little to train on/],
  ['[accuracy, auroc, brier]', '[]', 'evaluate', /at least 1 entry/],
  ['number: mean', 'number: none', 'data.missing.number', /mean, median/],
  // Rules between fields.
  ['  epochs: 5\n', '', 'training.epochs', /in epochs or in steps/],
  ['patient: patient_id', 'patient: age', 'data.columns.age', /told the answer/],
  ['column: num,', 'column: age,', 'data.columns.age', /told the answer/],
  ['split: { test: 0.34, stratify: target }', 'split: { column: age }', 'data.columns.age', /who is tested/],
  ['split: { test: 0.34, stratify: target }', 'split: { column: num }', 'data.split.column', /a column of its own/],
  ['split: { test: 0.34, stratify: target }', 'split: { colum: part }', 'data.split.colum', /Did you mean column/],
  ['split: { test: 0.34, stratify: target }', 'split: { tests: 0.34 }', 'data.split.tests', /Did you mean test/],
  ['column: num,', 'column: patient_id,', 'data.target.column', /told the answer/],
  ['loss: binaryCrossEntropy', 'loss: meanSquaredError', 'training.loss', /binaryCrossEntropy/],
  ['loss: binaryCrossEntropy', 'loss: { huber: {} }', 'training.loss', /binaryFocalCrossEntropy, not with huber/],
  ['loss: binaryCrossEntropy', 'loss: diceLoss', 'training.loss', /one of binaryCrossEntropy/],
  ['loss: binaryCrossEntropy', 'loss: coxPartialLikelihood', 'training.loss', /goes with binaryCrossEntropy/],
  [
    'loss: binaryCrossEntropy',
    'loss: { jaccard: {} }',
    'training.loss.jaccard',
    /one of binaryCrossEntropy, .*categoricalCrossEntropy, .*huber/,
  ],
  ['sgd: { rate', 'momentum: { rate', 'training.optimizer.momentum', /one of sgd, adam, adamW, rmsProp, adagrad, lamb/],
  ['loss: binaryCrossEntropy', 'loss: { huber: { delt: 1 } }', 'training.loss.huber.delt', /Did you mean delta/],
  [
    'loss: binaryCrossEntropy',
    'loss: { binaryFocalCrossEntropy: { alpha: 1 } }',
    'training.loss.binaryFocalCrossEntropy.alpha',
    /below 1/,
  ],
  [
    'sgd: { rate: 0.05, momentum: 0.9 }',
    'sgd: { rate: 0.05, nesterov: true }',
    'training.optimizer.sgd.nesterov',
    /without momentum/,
  ],
  ['sgd: { rate', 'sgd: { weightDecay: 0, rate', 'training.optimizer.sgd.weightDecay', /above 0/],
  ['sgd: { rate', 'rmsprop: { rate', 'training.optimizer.rmsprop', /Did you mean rmsProp/],
  ['epochs: 5', 'epochs: 5\n  schedule: { cosine: {} }', 'training.schedule.cosine.length', /missing/],
  [
    'epochs: 5',
    'epochs: 5\n  schedule: { step: { every: 5, factor: 2 } }',
    'training.schedule.step.factor',
    /at most 1/,
  ],
  ['epochs: 5', 'epochs: 5\n  clipGradients: { norm: 0 }', 'training.clipGradients.norm', /above 0/],
  ['epochs: 5', 'epochs: 5\n  clipGradients: { norm: 1, value: 1 }', 'training.clipGradients.value', /no field value/],
  ['[output.bias]', '[out.bias]', 'model.personal', /no weight out.bias.*output.bias/],
  ['[output.bias]', '[output.bias, output.kernel]', 'model.personal', /nothing is left/],
  ['[output.bias]', '[]\n  start: { out.bias: [0] }', 'model.start', /no weight out.bias.*output.bias/],
  ['[output.bias]', '[]\n  start: { output.bias: [0, 1] }', 'model.start', /1 values \(1\), not 2/],
  ['[output.bias]', '[]\n  start: { output.bias: [1e39] }', 'model.start.output.bias.0', /at most/],
  ['dense: 1, name', 'dense: 2, name', 'model.layers', /one output, not 2/],
  ['dense: 1, name', 'dense: 1, activation: relu, name', 'model.layers', /not relu/],
]
for (const [from, to, field, problem] of inner)
  test(`${from} → ${to} names ${field}`, () => {
    const failure = failureOf(changed(from, to))
    assert.equal(failure.code, 'WR_STUDY_INVALID')
    assert.equal(failure.field, field)
    assert.match(failure.problem, problem)
    assert.equal(failure.issues.length, 1, failure.issues.join('\n'))
  })

test('a missing field is placed at its parent', () => {
  const text = changed('  batch: 32\n', '')
  const failure = failureOf(text)
  assert.equal(failure.field, 'training.batch')
  assert.match(failure.problem, /missing/)
  assert.equal(failure.line, lineOf(text, 'training:'))
})

test('every problem is listed, in the order of the lines', () => {
  const text = changed('epochs: 5', 'epoch: 5').replace('quorum: 3', 'quorum: three').replace('unit: mg/dL', 'unit: ""')
  const { issues } = failureOf(text)
  assert.deepEqual(
    issues.map((issue) => issue.split(': ').slice(0, 2).join(' ')),
    [
      `line ${lineOf(text, 'chol:')} data.columns.chol.unit`,
      `line ${lineOf(text, 'epoch: 5')} training.epoch`,
      `line ${lineOf(text, 'quorum: three')} rounds.quorum`,
    ],
  )
})

test('what is not YAML, or YAML that hides something, is refused with its line', () => {
  const broken: readonly [string, string][] = [
    ['seed: 1', 'seed: [1'],
    ['seed: 1', 'seed: 1\n\tx: 1'],
    ['name: heart-disease', 'name: a\nname: b'],
    ['question: ', 'question: "'],
    ['wardround: 1', 'wardround: *one'],
    // What YAML only warns of: a tag or a directive that nobody knows.
    ['seed: 1', 'seed: !random 1'],
    ['wardround: 1', '%WARD 1\n---\nwardround: 1'],
  ]
  for (const [from, to] of broken) {
    const failure = failureOf(changed(from, to))
    assert.equal(failure.code, 'WR_STUDY_SYNTAX', to)
  }
  assert.equal(failureOf(changed('name: heart-disease', 'name: a\nname: b')).line, 4)
})

test('aliases are refused: a small document of them expands without end', () => {
  const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`)
  const bomb = [`a0: &a0 [x]`, ...levels].join('\n')
  assert.equal(failureOf(bomb).code, 'WR_STUDY_SYNTAX')
  assert.match(failureOf(changed('seed: 1', 'seed: &s 1\nname2: *s')).problem, /aliases/)
})

test('nothing, something else, and something endless are refused', () => {
  for (const text of ['', 'null', 'just text', '- 1', '42'])
    assert.equal(failureOf(text).code, 'WR_STUDY_INVALID', text)
  const endless = failureOf(`# ${'x'.repeat(300_000)}\n${source}`)
  assert.equal(endless.code, 'WR_STUDY_SYNTAX')
  assert.match(endless.problem, /256 KiB/)
})

test('a text that no UTF-8 can say is refused by its field', () => {
  const { code, field, line } = failureOf(source.replace(/question: .*/, 'question: "\\ud800"'))
  assert.deepEqual([code, field, line], ['WR_STUDY_INVALID', 'question', lineOf(source, 'question:')])
})

test('a column may be called like something of JavaScript', () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty'])
    assert.doesNotThrow(() => parseStudy(changed('column: num,', `column: ${name},`)), name)
})

test('the hash is that of the canonical form: not of key order, comments, layout or written-out defaults', () => {
  const { planHash, plan } = parseStudy(source)
  const shuffled = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(shuffled)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([key, inner]) => [key, shuffled(inner)]),
          )
        : value
  const data: unknown = parse(source, { stringKeys: true })
  assert.equal(parseStudy(stringify(shuffled(data))).planHash, planHash)
  assert.equal(parseStudy(JSON.stringify(data)).planHash, planHash)
  assert.equal(parseStudy(`# a comment\n${source.replaceAll(/ +#.*$/gm, '')}`).planHash, planHash)
  assert.equal(validatePlan(plan).planHash, planHash)
  assert.equal(parseStudy(changed('fedProx: { mu', 'fedProx: { rate: 1, mu')).planHash, planHash)
  assert.notEqual(parseStudy(changed('seed: 1', 'seed: 2')).planHash, planHash)
  // RFC 8785 for data without exotic numbers or strings: keys sorted, no blanks.
  const sorted = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(sorted)
      : value !== null && typeof value === 'object'
        ? Object.fromEntries(
            Object.entries(value)
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, inner]) => [key, sorted(inner)]),
          )
        : value
  const codesInOrder = JSON.stringify(sorted(plan))
  assert.equal(planHash, sha256Hex(codesInOrder))
})

test('any single change of a value changes the hash, or is refused', () => {
  const { plan, planHash } = parseStudy(source)
  const leaves: (readonly string[])[] = []
  const walk = (value: unknown, path: readonly string[]): void => {
    if (value !== null && typeof value === 'object')
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key])
    else leaves.push(path)
  }
  walk(plan, [])
  const replaced = (value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown => {
    if (key === undefined) return to
    if (Array.isArray(value)) return value.map((inner, i) => (String(i) === key ? replaced(inner, rest, to) : inner))
    assert.ok(value !== null && typeof value === 'object')
    return { ...value, [key]: replaced(Reflect.get(value, key), rest, to) }
  }
  const valueAt = (path: readonly string[]): unknown =>
    path.reduce<unknown>((value, key) => Reflect.get(Object(value), key), plan)
  fc.assert(
    fc.property(
      fc.constantFrom(...leaves),
      fc.oneof(fc.integer({ min: -2, max: 50 }), fc.constantFrom('loss', 'auroc', 'x', '2h', '> 1'), fc.boolean()),
      (path, to) => {
        fc.pre(valueAt(path) !== to)
        try {
          assert.notEqual(validatePlan(replaced(plan, path, to)).planHash, planHash, path.join('.'))
        } catch (error) {
          assert.ok(error instanceof WardroundError && error.code === 'WR_STUDY_INVALID', String(error))
        }
      },
    ),
  )
})

test('no text at all makes the parser fail otherwise than with a code and a line', () => {
  const lines = source.split('\n')
  fc.assert(
    fc.property(
      fc.nat({ max: lines.length - 1 }),
      fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('', '{', '- x', 'a: b', '  - 1', '? x', '!!js x'),
      ),
      (at, text) => {
        try {
          parseStudy(lines.toSpliced(at, 1, text).join('\n'))
        } catch (error) {
          assert.ok(error instanceof WardroundError && /^WR_STUDY_(SYNTAX|INVALID)$/.test(error.code), String(error))
          const line = Number(error.parameters.line)
          assert.ok(line >= 0 && line <= lines.length + 20)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a plan from the wire has no lines, and is refused all the same', () => {
  const { plan } = parseStudy(source)
  assert.throws(
    () => validatePlan({ ...plan, extra: 1 }),
    (error: unknown) => error instanceof WardroundError && error.parameters.field === 'extra',
  )
})

test('a plan of nothing but mistakes costs no more than the ones that are told', { timeout: 20_000 }, () => {
  const plan = parse(source) as { model: object; training: object }
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`f${index}`, 1]))
  const long = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}${'rounds'.repeat(1000)}`, 1]))
  for (const mistaken of [
    { ...plan, ...many },
    { ...plan, strategy: many },
    { ...plan, training: { ...plan.training, optimizer: many } },
    { ...plan, model: { ...plan.model, personal: Array.from({ length: 20_000 }, () => 1) } },
    { ...plan, ...long },
  ])
    assert.throws(
      () => validatePlan(mistaken),
      (error: unknown) => {
        assert.ok(error instanceof WardroundError && error.code === 'WR_STUDY_INVALID')
        const { issues } = error.parameters
        return Array.isArray(issues) && issues.length >= 40 && issues.length <= 51
      },
    )
})

test('a little prudence is advised, not enforced', () => {
  const warnings = (from: string, to: string): number => parseStudy(changed(from, to)).warnings.length
  assert.equal(warnings('test: 0.34', 'test: 0.34, validation: 0.1'), 0)
  assert.equal(warnings('minimumCohort: 10', 'minimumCohort: 3'), 2)
  assert.equal(warnings('maximum: 60', 'maximum: 5'), 2)
})

test('one hospital after another: nothing late can count, and a stop rule is warned of', () => {
  const { plan } = parseStudy(source)
  const cyclic = { ...plan, strategy: { cyclic: {} } }
  const rounds = { maximum: 8 }
  assert.deepEqual(validatePlan({ ...cyclic, rounds }).warnings, [])
  assert.match(
    validatePlan({ ...cyclic, rounds: { ...rounds, stop: { patience: 2 } } }).warnings.join(),
    /one hospital/,
  )
  assert.throws(() => validatePlan({ ...cyclic, rounds: { ...rounds, late: {} } }), { code: 'WR_STUDY_INVALID' })
})

test('asynchronous rounds say once what becomes of late updates, and wait for no more than their buffer', () => {
  const { plan } = parseStudy(source)
  const problemOf = (rounds: object): string => {
    try {
      validatePlan({ ...plan, strategy: { fedBuff: { buffer: 2 } }, rounds: { maximum: 5, ...rounds } })
      return ''
    } catch (error) {
      return error instanceof WardroundError ? `${error.parameters.field}: ${error.parameters.problem}` : String(error)
    }
  }
  assert.equal(problemOf({ quorum: 2 }), '')
  assert.match(problemOf({ late: {} }), /^rounds\.late: .*already/)
  assert.match(problemOf({ quorum: 3 }), /^rounds\.quorum: .*first 2 updates.* never have 3/)
})

/** The warnings about rounds of that many: the quorum, or how many there are. */
const about = (strategy: object, { quorum, hospitals }: { quorum?: number; hospitals?: number }): string => {
  const { plan } = parseStudy(source)
  const rounds = { maximum: 5, ...(quorum === undefined ? {} : { quorum }) }
  const parsed = validatePlan({ ...plan, strategy, rounds })
  assert.deepEqual(warningsFor(parsed.study), parsed.warnings)
  return warningsFor(parsed.study, hospitals).join()
}

test('a robust rule that bears nobody in the smallest round allowed is warned of', () => {
  const median = { median: {} }
  assert.match(about(median, { quorum: 2 }), /the median of two hospitals is their mean/)
  assert.match(about(median, { quorum: 1 }), /its own update/)
  assert.match(about({ trimmedMean: {} }, { quorum: 4 }), /of the 4 hospitals.* 0.2 leaves nobody out; at least 5/)
  // n ≥ 2f + 3; without f it is one that should be borne.
  assert.match(about({ krum: {} }, { quorum: 4 }), /only 4 hospitals and bears nobody that is wrong, not 1; at least 5/)
  assert.match(about({ krum: { faulty: 3 } }, { quorum: 7 }), /only 7 .* bears 2 that are wrong, not 3; at least 9/)
  assert.match(about({ multiKrum: { faulty: 2 } }, { quorum: 6 }), /bears 1 that is wrong, not 2; at least 7/)
  assert.match(
    about({ multiKrum: { faulty: 2, keep: 6 } }, { quorum: 7 }),
    /mean of 6 of 7 .* 2 that are wrong; keep at most 5/,
  )
  for (const name of ['geometricMedian', 'normBound', 'centredClipping'])
    assert.match(about({ [name]: {} }, { quorum: 2 }), new RegExp(`strategy.${name}: .* no majority`))
})

test('a robust rule that fits the smallest round is not', () => {
  const fitting: [object, number][] = [
    [{ median: {} }, 3],
    [{ trimmedMean: {} }, 5],
    [{ trimmedMean: { beta: 0.25 } }, 4],
    [{ krum: {} }, 5],
    [{ krum: { faulty: 3 } }, 9],
    [{ multiKrum: { faulty: 2, keep: 5 } }, 7],
    [{ geometricMedian: {} }, 3],
    [{ normBound: {} }, 3],
    [{ normBound: { norm: 0.5 } }, 1],
    [{ centredClipping: {} }, 3],
    [{ centredClipping: { radius: 0.5 } }, 1],
  ]
  for (const [strategy, quorum] of fitting) {
    assert.equal(about(strategy, { quorum }), '', JSON.stringify(strategy))
    assert.equal(about(strategy, { hospitals: quorum }), '', JSON.stringify(strategy))
    assert.equal(about(strategy, {}), '')
  }
})

test('a strategy that is published for plain gradient descent, with another optimizer, is warned of', () => {
  const { plan } = parseStudy(source)
  const warnings = (strategy: object, optimizer: object): string =>
    validatePlan({ ...plan, strategy, training: { ...Object(plan.training), optimizer }, rounds: { maximum: 5 } })
      .warnings.filter((warning) => !warning.includes('hospitals that'))
      .join()
  const plain = { sgd: { rate: 0.1 } }
  for (const strategy of [{ fedNova: {} }, { qFedAvg: { q: 1, lipschitz: 10 } }]) {
    const [name = ''] = Object.keys(strategy)
    for (const optimizer of [{ sgd: { rate: 0.1, momentum: 0.5 } }, { adam: { rate: 0.1 } }])
      assert.match(
        warnings(strategy, optimizer),
        new RegExp(`strategy.${name} is published for plain gradient descent`),
      )
    assert.equal(warnings(strategy, plain), '')
  }
  assert.equal(warnings({ fedAvg: {} }, { adam: { rate: 0.1 } }), '')
})

test('SCAFFOLD is refused with another optimizer than plain descent, and with late updates; FedDyn with these', () => {
  const { plan } = parseStudy(source)
  const plain = { sgd: { rate: 0.1 } }
  const problem = (optimizer: object, rounds: object = {}, strategy: object = { scaffold: {} }): unknown =>
    problemOf({ optimizer }, rounds, strategy)
  const problemOf = (change: object, rounds: object = {}, strategy: object = { scaffold: {} }): unknown => {
    const training = { ...Object(plan.training), ...change }
    try {
      validatePlan({ ...plan, strategy, training, rounds: { maximum: 5, ...rounds } })
      return undefined
    } catch (error) {
      return error instanceof WardroundError ? error.parameters.field : error
    }
  }
  assert.equal(problem(plain), undefined)
  assert.equal(problem({ sgd: { rate: 0.1, momentum: 0.5 } }), 'training.optimizer')
  assert.equal(problem({ adam: { rate: 0.1 } }), 'training.optimizer')
  assert.equal(problemOf({ optimizer: plain, schedule: { constant: {} } }), 'training.schedule')
  assert.equal(problemOf({ optimizer: plain, clipGradients: { norm: 1 } }), 'training.clipGradients')
  assert.equal(problem({ sgd: { rate: 0.1, weightDecay: 0.1 } }), undefined)
  assert.equal(problem(plain, { late: {} }), 'rounds.late')
  const fedDyn = { fedDyn: { alpha: 0.1 } }
  assert.equal(problem({ adam: { rate: 0.1 } }, {}, fedDyn), undefined)
  assert.equal(problem(plain, { late: {} }, fedDyn), 'rounds.late')
})

test('what weighs hospitals by their loss trains with the loss that is measured', () => {
  const { plan } = parseStudy(source)
  const withLoss = (loss: unknown, strategy: object) => () =>
    validatePlan({ ...plan, strategy, training: { ...Object(plan.training), loss } })
  const qFedAvg = { qFedAvg: { q: 1, lipschitz: 10 } }
  const focal = { binaryFocalCrossEntropy: {} }
  withLoss('binaryCrossEntropy', qFedAvg)()
  withLoss(focal, { fedAvg: {} })()
  assert.throws(
    withLoss(focal, qFedAvg),
    (error) => error instanceof WardroundError && error.parameters.field === 'training.loss',
  )
})

test('what came later to optimizers and training is in no plan that does not name it: old plans keep their hashes', () => {
  const { plan } = parseStudy(source)
  const { optimizer, ...training } = Object(plan.training)
  assert.deepEqual(Object.keys(Object(optimizer).sgd).toSorted(), ['momentum', 'rate'])
  for (const field of ['schedule', 'clipGradients', 'augment']) assert.ok(!(field in training), field)
})

test('where the number of hospitals is known it counts: instead of a quorum, and against one', () => {
  assert.match(about({ krum: {} }, { hospitals: 4 }), /bears nobody/)
  assert.match(about({ krum: {} }, { quorum: 4, hospitals: 20 }), /bears nobody/)
  assert.equal(about({ fedAvg: {} }, { quorum: 4, hospitals: 4 }), '')
  assert.match(about({ fedAvg: {} }, { quorum: 4, hospitals: 3 }), /quorum is 4, and 3 hospitals will take part/)
})

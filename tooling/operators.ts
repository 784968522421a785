/** `node tooling/run.mjs operators [--write]`: docs/operators.md, made from the rules that there are. Without --write it is only compared. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gradientRules } from '@wardround/core/graph/gradients/registry.ts'
import { specialNodes } from '@wardround/core/graph/import/special.ts'
import { newestOpset, oldestOpset } from '@wardround/core/graph/import/upgrade.ts'
import { elementTypes, opsetVersion } from '@wardround/core/graph/ir.ts'
import { allowedOperators, graphLimits } from '@wardround/core/graph/safelist.ts'
import { type OperatorWords, operatorFamilies, operatorsPage } from '@wardround/core/words/en/operators.ts'

const path = 'docs/operators.md'
const root = fileURLToPath(new URL('..', import.meta.url))

/** Read, but never executed: what explains a refusal. */
const refusedAltogether: ReadonlySet<string> = new Set(['Loop'])

/** Whatever a model may have: what a site executes, and what is rewritten when a file is read. */
export const supportedOperators: ReadonlySet<string> = new Set(
  [...allowedOperators, ...Object.keys(specialNodes)].filter((op) => !refusedAltogether.has(op)),
)

/** What is wrong with the words for these operators; empty where each has them once. */
export function problemsOf(operators: Iterable<string>, families = operatorFamilies): readonly string[] {
  const known = new Set(operators)
  const worded = families.flatMap((family) => Object.keys(family.operators))
  const found: readonly (readonly [(names: readonly string[]) => string, readonly string[]])[] = [
    [operatorsPage.unknown, [...known].filter((op) => !worded.includes(op))],
    [operatorsPage.needless, worded.filter((op) => !known.has(op))],
    [operatorsPage.twice, worded.filter((op, index) => worded.indexOf(op) !== index)],
  ]
  return found.flatMap(([say, names]) => (names.length === 0 ? [] : [say(names)]))
}

/** The page. Throws where an operator has no words. */
export function operatorsDocument(): string {
  const problems = problemsOf(supportedOperators)
  if (problems.length > 0) throw new TypeError(problems.join('\n'))
  const [meaning = '', keys = ''] = operatorsPage.introduction(
    { own: opsetVersion, oldest: oldestOpset, newest: newestOpset },
    allowedOperators.size,
  )
  const tables = operatorFamilies.flatMap(({ title, operators }) => [`## ${title}`, tableOf(operators)])
  const limits = operatorsPage.limits(graphLimits, elementTypes).join('\n')
  const parts = [meaning, keys, operatorsPage.generated(), ...tables, `## ${operatorsPage.limitsTitle()}`, limits]
  return `${[`# ${operatorsPage.title()}`, ...parts].join('\n\n')}\n`
}

function tableOf(operators: Readonly<Record<string, () => OperatorWords>>): string {
  const names = Object.keys(operators).toSorted()
  const rows = names.map((op) => rowOf(op, operators[op]?.() ?? { makes: '' }))
  const columns = operatorsPage.columns()
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function rowOf(op: string, { makes, level, imported, refused = {} }: OperatorWords): readonly string[] {
  const trained = level === true ? 'level' : Object.hasOwn(gradientRules, op) ? 'yes' : 'no'
  const cells = [
    makes,
    operatorsPage.trained[trained],
    imported ?? operatorsPage.asItIs(),
    Object.values(refused).join('; '),
  ]
  return [`\`${op}\``, ...cells.map((cell) => cell.replaceAll('|', '\\|'))]
}

function main(args: readonly string[]): string | undefined {
  const [file, wanted] = [join(root, path), operatorsDocument()]
  if (args.includes('--write')) writeFileSync(file, wanted)
  return readFileSync(file, 'utf8') === wanted ? undefined : operatorsPage.differs(path)
}

if (import.meta.main) {
  const problem = main(process.argv.slice(2))
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    process.exitCode = 1
  }
}

/** The report of a study as one HTML document that needs nothing else: no script, no font, no picture, no network. */
import { sha256 } from '@noble/hashes/sha2.js'
import { h, render } from '../figures/markup.ts'
import { validatePlan } from '../protocol/plan.ts'
import type { Results } from '../protocol/results.ts'
import { reportWords } from '../words/en/report.ts'
import { documentSection, methodSection, planSection, releasesSection } from './plan-sections.ts'
import { contributionsSection, curveSections, head, resultSection } from './result-sections.ts'
import { reportCss } from './style.ts'

export type ReportOptions = {
  /** Whether the patients exist only on paper: then every page says so. */
  readonly synthetic?: boolean
}

/** Names and texts of a study are not trusted: they are escaped, and the policy lets nothing load or run. Errors: WR_STUDY_INVALID. */
export function reportHtml(results: Results, { synthetic = false }: ReportOptions = {}): string {
  const { study } = validatePlan(results.plan)
  const css = reportCss({ footer: reportWords.footer(results.studyId, results.planHash), synthetic })
  const page = h('html', { lang: 'en' }, [
    h('head', {}, [
      h('meta', { charset: 'utf-8' }),
      h('meta', { 'http-equiv': 'Content-Security-Policy', content: contentPolicy(css) }),
      h('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
      h('meta', { name: 'referrer', content: 'no-referrer' }),
      h('title', {}, reportWords.documentTitle(results.study, synthetic)),
      h('style', {}, css),
    ]),
    h('body', {}, [
      synthetic ? syntheticMarks() : [],
      head(results, study.question),
      h('main', {}, [
        resultSection(results),
        curveSections(results, study.data.minimumCohort),
        contributionsSection(results),
        planSection(results, study),
        releasesSection(results, study),
        methodSection(results),
        documentSection(results),
      ]),
    ]),
  ])
  return `<!doctype html>\n${render(page)}\n`
}

/** Only this very style sheet, by its digest (CSP Level 3, section 6.7.3.3); nothing else from anywhere. */
const contentPolicy = (css: string): string =>
  `default-src 'none'; style-src 'sha256-${base64(sha256(new TextEncoder().encode(css)))}'; base-uri 'none'; form-action 'none'`

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

/** The banner on the screen, and what repeats on each printed page. */
const syntheticMarks = () => [
  h('p', { class: 'banner', role: 'note' }, reportWords.syntheticBanner()),
  h('div', { class: 'watermark', 'aria-hidden': 'true' }, reportWords.synthetic()),
]

/** How the report looks: on a screen, light or dark, wide or narrow, and above all on paper. */
import { figureCss } from '../figures/style.ts'
import { reportWords } from '../words/en/report.ts'

const screenCss = `
*, *::before, *::after { box-sizing: border-box; }
html { background: var(--wr-paper); color: var(--wr-ink); -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 0 1.25rem 4rem; max-width: 55rem; font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
.banner { position: sticky; top: 0; z-index: 1; max-width: none; margin: 0; padding: .55rem 0; background: #7a2e00; box-shadow: 0 0 0 100vmax #7a2e00; clip-path: inset(0 -100vmax); color: #ffffff; font-size: .875rem; line-height: 1.35; }
.watermark { display: none; }
header { margin: 2rem 0 0; }
.kicker { display: flex; flex-wrap: wrap; gap: 0 .9rem; margin: 0; color: var(--wr-muted); font-size: .875rem; }
.kicker b { color: var(--wr-ink); letter-spacing: .01em; }
h1 { margin: .35rem 0 .75rem; font-size: 2rem; line-height: 1.15; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 2.5rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--wr-rule); font-size: 1.25rem; line-height: 1.25; letter-spacing: -.005em; }
h3 { margin: 1.6rem 0 .3rem; font-size: 1rem; }
p, ul { margin: .5rem 0; max-width: 42rem; }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; }
main > section:first-child > h2 { margin-top: 1.5rem; }
.question { font-size: 1.125rem; line-height: 1.4; }
.glance { max-width: 50rem; padding: 0; list-style: none; font-size: 1.0625rem; line-height: 1.4; }
.names { display: inline-block; margin-right: .6rem; font-size: .9375rem; }
.names b { padding: 0 .4rem; border: 1px solid; border-radius: .2rem; font-size: .8125rem; }
.better b { color: var(--wr-federated); }
.worse b { color: var(--wr-local); }
.unknown b { color: var(--wr-muted); }
.note, figcaption { color: var(--wr-muted); font-size: .875rem; max-width: 46rem; }
dl { margin: 1.25rem 0; display: grid; gap: .2rem 1.5rem; }
dt { color: var(--wr-muted); font-size: .875rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; margin: .9rem 0 0; gap: .2rem 1.5rem; font-size: .875rem; }
.facts div { display: flex; gap: .45rem; }
.facts dd { font-weight: 600; }
.record { grid-template-columns: minmax(8rem, max-content) 1fr; align-items: baseline; }
code, pre { font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", monospace; font-size: .8125rem; }
pre { margin: .75rem 0; padding: .9rem 1rem; background: var(--wr-shade); line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 1.5rem 0; }
figcaption { margin-top: .5rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1.5rem 1.75rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.5rem 2.25rem; }
.pairs .wr-legend { grid-column: 1 / -1; margin: 0; }
.pairs figcaption { align-self: center; margin: 0; }
.pairs > svg:first-of-type:nth-last-of-type(even) ~ figcaption { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
.scroll .wr-figure { width: auto; height: auto; }
.wr-legend { display: flex; flex-wrap: wrap; gap: .25rem 1.4rem; margin: 0 0 .9rem; padding: 0; list-style: none; font-size: .875rem; }
.wr-legend li { display: flex; align-items: center; gap: .45rem; margin: 0; }
.wr-swatch.wr-swatch { width: 1.75rem; flex: none; }
table { width: 100%; border-collapse: collapse; margin: 1.5rem 0 .5rem; font-size: .9375rem; }
caption { text-align: left; color: var(--wr-muted); font-size: .875rem; padding-bottom: .6rem; }
th, td { padding: .22rem .75rem .22rem 0; text-align: left; font-weight: 400; vertical-align: baseline; }
td { white-space: nowrap; }
thead th { color: var(--wr-muted); font-size: .875rem; border-bottom: 1px solid var(--wr-ink); }
tbody th { width: 9.5rem; }
.site th { padding-top: 1rem; font-weight: 600; }
.site span { margin-left: .6rem; color: var(--wr-muted); font-weight: 400; font-size: .875rem; }
.federated > * { font-weight: 600; }
.difference > * { color: var(--wr-muted); border-bottom: 1px solid var(--wr-grid); padding-bottom: .55rem; font-size: .875rem; white-space: normal; }
.difference strong { color: var(--wr-ink); }
.verdict { display: block; }
`

const narrowCss = `
@media screen and (max-width: 40rem) {
  h1 { font-size: 1.625rem; }
  .pairs { grid-template-columns: 1fr; }
  .panels { grid-template-columns: minmax(0, 22rem); }
  .record { grid-template-columns: 1fr; }
  .record dd { margin-bottom: .5rem; }
  .difference th { padding-top: .5rem; }
  table, tbody, caption { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { display: grid; grid-template-columns: 6.5rem 1fr; }
  tbody th { width: auto; grid-column: 1 / -1; padding-bottom: 0; }
  .model th { padding-top: .5rem; }
  .site span { display: block; margin: 0; }
  td { grid-column: 1 / -1; display: grid; grid-template-columns: subgrid; white-space: normal; padding-right: 0; }
  td::before { content: attr(data-metric); color: var(--wr-muted); font-weight: 400; }
  .difference > * { border: 0; padding-bottom: .1rem; }
}
`

const printCss = `
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; line-height: 1.4; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  header { margin-top: 0; }
  h1 { font-size: 20pt; }
  h2 { font-size: 13pt; margin-top: 6mm; padding-top: 2.5mm; }
  figure { margin: 3mm 0; }
  th, td { padding-top: .4mm; padding-bottom: .4mm; }
  .site th { padding-top: 2mm; }
  h2, h3, caption, thead, .wr-legend { break-after: avoid; }
  thead + tbody { break-before: avoid; }
  h3 { font-size: 10pt; }
  table { font-size: 9pt; }
  .question, .glance { font-size: 10.5pt; }
  .names, .names b { font-size: 8.5pt; }
  .wr-legend { font-size: 9pt; }
  .note, figcaption, caption, dt, .site span, .kicker, .difference > *, thead th { font-size: 8pt; }
  .banner { position: static; margin: 0 0 5mm; padding: 2mm 3mm; border: 1pt solid #7a2e00; background: none; box-shadow: none; clip-path: none; color: #7a2e00; }
  .watermark { display: block; position: fixed; z-index: -1; inset: 42% 0 auto; text-align: center; white-space: nowrap; transform: rotate(-30deg); font-size: 62pt; font-weight: 700; letter-spacing: .06em; color: #7a2e0020; }
  .facts { font-size: 8pt; gap: 1mm 5mm; }
  .panels { grid-template-columns: repeat(3, 1fr); gap: 4mm 6mm; }
  .pairs { grid-template-columns: repeat(2, 1fr); gap: 5mm 7mm; }
  .scroll { overflow: visible; }
  .scroll .wr-figure { max-width: 100%; }
  figure, .wr-figure, .record, tbody, tr, caption, figcaption, dl div { break-inside: avoid; }
  .pairs { break-inside: auto; }
  p, li { orphans: 3; widows: 3; }
  .page { break-before: page; border-top: 0; margin-top: 0; padding-top: 0; }
  pre { padding: 0; background: none; columns: 2; column-gap: 8mm; font-size: 7pt; line-height: 1.4; }
  a { color: inherit; text-decoration: none; }
}
`

/** A CSS string that holds any text (CSS Syntax Module 3, section 4.3.5): what could end it is written as a hexadecimal escape. */
export const cssString = (text: string): string =>
  `"${text.replace(/[^\p{L}\p{N} .,:;()·–—-]/gu, (character) => `\\${(character.codePointAt(0) ?? 0).toString(16)} `)}"`

export type PageMarks = { readonly footer: string; readonly synthetic: boolean }

/** What stands in the margin of every printed page. */
function pageCss({ footer, synthetic }: PageMarks): string {
  const { before, between } = reportWords.pageOf()
  const small = 'font: 7.5pt system-ui, "Liberation Sans", sans-serif; color: #566370;'
  return `
@page {
  size: A4; margin: 17mm 17mm 18mm;
  @bottom-left { content: ${cssString(footer)}; ${small} }
  @bottom-right { content: ${cssString(before)} counter(page) ${cssString(between)} counter(pages); ${small} }
  ${synthetic ? `@top-center { content: ${cssString(reportWords.synthetic())}; font: 700 9pt system-ui, "Liberation Sans", sans-serif; letter-spacing: .1em; color: #7a2e00; }` : ''}
}
`
}

export const reportCss = (marks: PageMarks): string => figureCss + screenCss + narrowCss + printCss + pageCss(marks)

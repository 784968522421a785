/** The pages in a real browser: the report, as a file that needs nothing, and the coordinator's description of its API. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { canonicalJson } from '@wardround/core/protocol/canonical.ts'
import type { Results } from '@wardround/core/protocol/results.ts'
import { routes } from '@wardround/core/protocol/routes.ts'
import { reportHtml } from '@wardround/core/report/html.ts'
import { sampleResults } from '@wardround/core/report/testing/sample-results.ts'
import type { Page } from 'puppeteer-core'
import { findBrowser, type Machine, type OpenBrowser, openBrowser } from './browser.ts'
import { localCoordinator } from './federation.ts'
import { contrastFaults, cutDrawings, headingLevels, labelFaults, sidewaysScroll } from './page-measures.ts'
import { scratch } from './support.ts'

const folder = scratch('pages')
const unknown = { value: null, low: null, high: null, n: null }
const noEstimates = { accuracy: unknown, auroc: unknown, brier: unknown }
const noModel = { ...noEstimates, statistic: null }

/** Nothing may be said of this hospital. */
const hide = (results: Results, name: string): Results => ({
  ...results,
  sites: results.sites.map((site) =>
    site.name === name
      ? {
          ...site,
          nTrain: null,
          nTest: null,
          local: noModel,
          federated: noModel,
          centralised: null,
          difference: noEstimates,
        }
      : site,
  ),
  rounds: results.rounds.map((round) => ({
    ...round,
    sites: round.sites.map((site) => (site.site === name ? { ...site, n: null, value: null } : site)),
  })),
})

const hostile = `</style></title><script>document.title = 'taken'</script><img src="https://example.org/x.png"> "who"?`
/** Twelve hospitals, names up to the 63 characters that are allowed, few patients and many, few ill and many. */
const twelve = Object.fromEntries(
  Array.from({ length: 12 }, (_, index) => [
    `${'university-hospital-of-the-northern-province-'.repeat(2).slice(0, 5 * index)}x${index}`,
    { patients: index === 6 ? 1200 : 20 + 20 * index, ill: 0.08 + 0.07 * index },
  ]),
)
const healthy = sampleResults()
const abandoned: Results = {
  ...healthy,
  rounds: healthy.rounds.slice(0, 1),
  outcome: 'abandoned',
  stoppedBecause: 'quorum lost',
  sites: [],
  overall: { local: noModel, federated: noModel, centralised: null },
  bestRound: 0,
}
const partial = hide(sampleResults({ partial: true, question: hostile }), 'porto')
const reports = {
  healthy: reportHtml(healthy),
  partial: reportHtml(partial, { synthetic: true }),
  large: reportHtml(sampleResults({ rounds: 130, hospitals: twelve, partial: true })),
  abandoned: reportHtml(abandoned),
}
type Name = keyof typeof reports
const names = Object.keys(reports) as Name[]
const file = (name: string): string => pathToFileURL(join(folder, `${name}.html`)).href

let opened: OpenBrowser
before(async () => {
  for (const name of names) writeFileSync(join(folder, `${name}.html`), reports[name])
  opened = await openBrowser()
})
after(() => opened?.close())

type Visit = { readonly page: Page; readonly requests: string[]; readonly noises: string[] }
type VisitOptions = { readonly width?: number; readonly dark?: boolean; readonly javaScript?: boolean }

/** A page of its own; all that it asks for, prints or fails at is noted. */
async function visit(
  url: string,
  { width = 1200, dark = false, javaScript = true }: VisitOptions = {},
): Promise<Visit> {
  const page = await opened.browser.newPage()
  const requests: string[] = []
  const noises: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => noises.push(message.text()))
  page.on('pageerror', (error) => noises.push(String(error)))
  page.on('requestfailed', (request) => noises.push(`failed: ${request.url()}`))
  page.on('dialog', (dialog) => noises.push(dialog.message()))
  await page.setViewport({ width, height: 800 })
  await page.setJavaScriptEnabled(javaScript)
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }])
  await page.goto(url)
  return { page, requests, noises }
}

test('what the watching of these tests can see', async () => {
  const text = '<script>console.log("hello"); nothing()</script><img src="https://example.org/x.png">'
  writeFileSync(join(folder, 'control.html'), text)
  const { page, requests, noises } = await visit(file('control'))
  assert.deepEqual(requests, [file('control'), 'https://example.org/x.png'])
  assert.equal(noises.length, 4, noises.join('\n'))
  await page.close()
})

for (const name of names) {
  test(`${name}: opened from a file it asks for nothing, prints nothing and fails at nothing`, async () => {
    const { page, requests, noises } = await visit(file(name))
    assert.deepEqual(requests, [file(name)])
    assert.deepEqual(noises, [])
    assert.notEqual(await page.title(), 'taken')
    assert.equal(await page.evaluate(() => document.scripts.length + document.images.length), 0)
    await page.close()
  })

  test(`${name}: letters of figures are whole, apart and large enough, at 360, 800 and 1400 pixels and on paper`, async () => {
    const { page } = await visit(file(name))
    for (const width of [360, 800, 1400]) {
      await page.setViewport({ width, height: 800 })
      assert.deepEqual(await page.evaluate(labelFaults, 8), [], `${width} px`)
      assert.ok((await page.evaluate(sidewaysScroll)) <= 0, `sideways at ${width} px`)
    }
    await page.emulateMediaType('print')
    await page.setViewport({ width: paper.width, height: paper.height })
    // 8 px are 6 points, the least that journals take.
    assert.deepEqual(await page.evaluate(labelFaults, 8), [])
    assert.deepEqual(await page.evaluate(cutDrawings, paper), [])
    await page.close()
  })
}

for (const name of ['healthy', 'partial', 'abandoned'] as const) {
  test(`${name}: headings descend by one at a time, and all text has contrast, light, dark and printed`, async () => {
    const { page } = await visit(file(name))
    const levels = await page.evaluate(headingLevels)
    assert.deepEqual(
      levels.filter((level) => level === 1),
      [1],
    )
    assert.ok(
      levels.every((level, index) => level <= (levels[index - 1] ?? 0) + 1),
      levels.join(' '),
    )
    for (const media of ['screen', 'print'] as const) {
      await page.emulateMediaType(media)
      for (const value of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }])
        const { faults, texts } = await page.evaluate(contrastFaults)
        assert.deepEqual(faults, [], `${media}, ${value}`)
        assert.ok(texts > 50)
      }
    }
    await page.close()
  })
}

/** What style.ts leaves of A4 (210 × 297 mm) between its margins, in pixels of 1/96 inch. */
const millimetre = 96 / 25.4
const paper = { width: Math.floor((210 - 2 * 17) * millimetre), height: Math.floor((297 - 17 - 18) * millimetre) }

test('the measure of contrast by hand', async () => {
  const { page } = await visit('about:blank')
  const faultsOf = async (style: string): Promise<string[]> => {
    await page.setContent(`<p style="${style}">text</p>`)
    return (await page.evaluate(contrastFaults)).faults.map(({ what }) => what)
  }
  // The lightest grey on white that passes is #767676 (4.54); #777777 has 4.48.
  assert.deepEqual(await faultsOf('color: #767676'), [])
  assert.deepEqual([...new Set(await faultsOf('color: #777777'))], ['contrast 4.48'])
  assert.deepEqual([...new Set(await faultsOf('background: #000; color: #fff; opacity: 0'))], [])
  assert.deepEqual([...new Set(await faultsOf('background: #777; color: #777'))], ['contrast 1.00'])
  await page.close()
})

test('the measure of labels by hand', async () => {
  const { page } = await visit('about:blank')
  const faultsOf = async (labels: string): Promise<string[]> => {
    await page.setContent(
      `<svg role="img" width="200" height="100" viewBox="0 0 100 50" style="font: 10px sans-serif">${labels}</svg>`,
    )
    return (await page.evaluate(labelFaults, 8)).map(({ what }) => what.replace(/[\d.]+ px/, 'px'))
  }
  const text = (x: number, y: number, size = 10): string => `<text x="${x}" y="${y}" font-size="${size}px">88</text>`
  assert.deepEqual(await faultsOf(text(10, 20) + text(10, 32) + text(40, 20)), [])
  assert.deepEqual(await faultsOf(text(10, 20) + text(15, 23)), ['88 on top of 88'])
  assert.deepEqual(await faultsOf(text(95, 20)), ['88: px outside the drawing'])
  assert.deepEqual(await faultsOf('<text x="5" y="20" style="font-size: 3px">88</text>'), ['88: letters of px'])
  await page.close()
})

/** Four hospitals: a panel for each and one for all together; two metrics on their own and three as differences; one matrix. */
const drawingsOfFour = { 'loss in each round': 5, 'ROC curves': 5, Calibration: 5, 'Who contributed': 1 }

test('healthy: every figure is there for the eye and for a screen reader', async () => {
  const { page } = await visit(file('healthy'))
  const tree = await page.accessibility.snapshot()
  type Node = { readonly role: string; readonly name?: string; readonly children?: readonly Node[] }
  const flat = (node: Node): Node[] => [node, ...(node.children ?? []).flatMap(flat)]
  const spoken = flat(tree ?? assert.fail('no tree')).filter(({ role }) => role === 'image')
  for (const [start, count] of Object.entries(drawingsOfFour))
    assert.equal(spoken.filter(({ name = '' }) => name.startsWith(start)).length, count, start)
  for (const metric of ['accuracy', 'AUROC', 'Brier score'])
    assert.equal(spoken.filter(({ name = '' }) => name.startsWith(`${metric}: federated minus`)).length, 1, metric)
  assert.equal(spoken.filter(({ name = '' }) => name.includes('at each hospital')).length, 2)
  // A name says more than what kind of figure it is: it reads the figure's values.
  assert.ok(spoken.every(({ name = '' }) => /\d/.test(name)))
  const sizes = await page.$$eval('svg[role=img]', (drawings) =>
    drawings.map((drawing) => drawing.getBoundingClientRect()).map(({ width, height }) => Math.min(width, height)),
  )
  assert.equal(sizes.length, spoken.length)
  assert.ok(Math.min(...sizes) > 80)
  await page.close()
})

test('the first screen holds the answer: the outcome, whether joining helped, and the first figure of it', async () => {
  for (const [width, height] of [
    [1200, 800],
    [390, 844],
  ] as const) {
    const { page } = await visit(file('healthy'))
    await page.setViewport({ width, height })
    const bottoms = await page.evaluate(() =>
      ['h1', '.glance', '.glance ~ figure svg[role=img] .wr-heading'].map(
        (selector) => document.querySelector(selector)?.getBoundingClientRect().bottom,
      ),
    )
    assert.ok(
      bottoms.every((bottom) => bottom !== undefined && bottom > 0 && bottom < height),
      `${bottoms}`,
    )
    await page.close()
  }
})

test('partial: it says with how many, and of a hidden hospital nothing but that', async () => {
  const { page } = await visit(file('partial'))
  const text = (selector: string): Promise<string[]> =>
    page.$$eval(selector, (list) => list.map((element) => element.textContent.trim()))
  assert.deepEqual(await text('h1'), ['Completed with 3 of 4 hospitals'])
  assert.match((await text('.banner')).join(), /^SYNTHETIC data/)
  const rows = await page.$$eval('tbody', (bodies) =>
    bodies
      .filter((body) => body.querySelector('.site')?.textContent.startsWith('porto'))
      .flatMap((body) => [...body.querySelectorAll('td')].map((cell) => cell.textContent)),
  )
  assert.ok(rows.length > 0)
  assert.deepEqual([...new Set(rows)], ['hidden'])
  for (const sentence of await text('.glance li')) {
    assert.match(sentence, /hidden porto$/)
    // Of three hospitals something is known.
    assert.doesNotMatch(sentence, /\b4\b/)
  }
  const drawn = await page.$$eval('svg[role=img]', (drawings) =>
    drawings
      .filter((drawing) => drawing.querySelector('title')?.textContent.endsWith(', porto'))
      .map((drawing) => drawing.querySelectorAll('polyline.wr-stroke-federated, circle, .wr-stroke-federated').length),
  )
  assert.deepEqual(drawn, [0, 0, 0], 'learning, ROC, calibration')
  await page.close()
})

test('the plan as it is printed is the plan that was hashed', async () => {
  const { page } = await visit(file('partial'))
  const printed = await page.$eval('pre', (element) => element.textContent)
  const hash = createHash('sha256')
    .update(canonicalJson(JSON.parse(printed)))
    .digest('hex')
  assert.equal(hash, partial.planHash)
  await page.close()
})

test('it reads alike with JavaScript switched off', async () => {
  const pictureWith = async (javaScript: boolean): Promise<Buffer> => {
    const { page } = await visit(file('partial'), { javaScript })
    const picture = await page.screenshot({ clip: { x: 0, y: 0, width: 1200, height: 3000 } })
    await page.close()
    return Buffer.from(picture)
  }
  const [on, off] = [await pictureWith(true), await pictureWith(false)]
  assert.ok(on.length > 50_000)
  assert.ok(on.equals(off))
})

test('dark where the reader wants it, and still white on paper', async () => {
  const { page } = await visit(file('healthy'), { dark: true })
  const paperColour = (): Promise<string> =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const brightness = (colour: string): number => Math.max(...(colour.match(/\d+/g) ?? []).map(Number))
  assert.ok(brightness(await paperColour()) < 64)
  await page.emulateMediaType('print')
  assert.equal(brightness(await paperColour()), 255)
  await page.close()
})

test('a matrix wider than a phone scrolls in its own box, by the keyboard too', async () => {
  const { page } = await visit(file('large'), { width: 360 })
  await page.focus('.scroll')
  await page.keyboard.press('ArrowRight')
  await page.waitForFunction(() => (document.querySelector('.scroll')?.scrollLeft ?? 0) > 0, { timeout: 5000 })
  assert.equal(await page.evaluate(() => scrollX), 0)
  await page.close()
})

test('printed, it has as many pages as it needs', async () => {
  // Four hospitals, and twelve with names as long as they may be.
  for (const [name, least, most] of [
    ['healthy', 6, 9],
    ['large', 12, 20],
  ] as const) {
    const { page } = await visit(file(name))
    const pdf = Buffer.from(await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString('latin1')
    const pages = pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0
    assert.ok(pages >= least && pages <= most, `${name}: ${pages} pages`)
    await page.close()
  }
})

test('the page of the API lists every route, loads under its policy and asks nobody else', {
  timeout: 60_000,
}, async () => {
  const { coordinator, url } = await localCoordinator(join(folder, 'coordinator'))
  try {
    const { page, requests, noises } = await visit(`${url}/docs`)
    assert.deepEqual(requests, [`${url}/docs`])
    assert.deepEqual(noises, [])
    const described = Object.values(routes).map(({ method, path }) => `${method} ${path}`)
    assert.ok(described.length > 10)
    assert.deepEqual(await page.$$eval('h2', (headings) => headings.map((heading) => heading.textContent)), described)
    for (const width of [360, 800, 1400]) {
      await page.setViewport({ width, height: 800 })
      assert.ok((await page.evaluate(sidewaysScroll)) <= 0, `sideways at ${width} px`)
    }
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }])
      assert.deepEqual((await page.evaluate(contrastFaults)).faults, [], value)
    }
    await page.$$eval('details', (parts) => parts.forEach((part) => void part.setAttribute('open', '')))
    await page.setViewport({ width: 360, height: 800 })
    assert.ok((await page.evaluate(sidewaysScroll)) <= 0, 'sideways when opened')

    const [answer] = await Promise.all([page.waitForNavigation(), page.click('a[href="/openapi.json"]')])
    const document = (await answer?.json()) as { openapi: string; paths: Record<string, Record<string, unknown>> }
    assert.match(document.openapi, /^3\.1\./)
    const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    assert.deepEqual(listed.toSorted(), described.toSorted())
    await page.close()
  } finally {
    await coordinator.close()
  }
})

const bare: Machine = { env: { PATH: ['/a', '/b'].join(':') }, platform: 'linux', isProgram: () => false }

test('a browser is found where it was named, then on the path, then where installers put it', () => {
  const has = (...programs: string[]): Machine => ({ ...bare, isProgram: (path) => programs.includes(path) })
  const named = { ...has('/mine', '/a/chromium'), env: { ...bare.env, WARDROUND_CHROMIUM: '/mine' } }
  assert.equal(findBrowser(named), '/mine')
  assert.equal(findBrowser(has('/b/chromium', '/a/google-chrome')), '/b/chromium')
  const chrome = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
  assert.equal(findBrowser({ ...has(chrome), platform: 'darwin' }), chrome)
  const edge = 'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe'
  const windows = { 'ProgramFiles(x86)': 'C:\\Program Files (x86)', ProgramFiles: 'C:\\Program Files' }
  assert.equal(findBrowser({ ...has(edge), platform: 'win32', env: windows }), edge)
})

test('where there is none it is installed if it can be, and else an error says what to do', () => {
  let installed = false
  const empty: Machine = { ...bare, isProgram: (path) => installed && path === '/b/chromium' }
  assert.throws(() => findBrowser(empty), /\/a\/chromium\n[\s\S]*apt-get install chromium[\s\S]*WARDROUND_CHROMIUM/)
  const install = (): void => {
    installed = true
  }
  assert.equal(findBrowser({ ...empty, install }), '/b/chromium')
  assert.throws(() => findBrowser({ ...bare, env: { WARDROUND_CHROMIUM: '/no/such' } }), /\/no\/such, which is not/)
})

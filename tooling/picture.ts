/** `node tooling/picture.ts REPORT.html PICTURE.png`: the first screen of a report, down to the end of its first figure, for README. */
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openBrowser } from '../tests/browser.ts'

const width = 1200
/** Pixels below the figure. */
const margin = 28
/** A README with a larger picture is slow to open. */
const limitBytes = 250_000

/** The picture as PNG, at one pixel of the device for each of the page, light whatever the system. */
export async function pictureOf(report: string): Promise<Uint8Array> {
  const { browser, close } = await openBrowser()
  try {
    const page = await browser.newPage()
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
    await page.setViewport({ width, height: 1000, deviceScaleFactor: 1 })
    await page.goto(pathToFileURL(resolve(report)).href)
    const end = await page.evaluate(() => document.querySelector('main figure')?.getBoundingClientRect().bottom ?? 1000)
    return await page.screenshot({ clip: { x: 0, y: 0, width, height: Math.ceil(end + margin) } })
  } finally {
    await close()
  }
}

async function main([report = '', picture = '']: readonly string[]): Promise<string | undefined> {
  if (!report.endsWith('.html') || !picture.endsWith('.png'))
    return 'Usage: node tooling/picture.ts REPORT.html PICTURE.png'
  if (!existsSync(report)) return `${report} does not exist. Make one: npm run demo`
  const bytes = await pictureOf(report)
  if (bytes.length > limitBytes)
    return `The picture has ${bytes.length} bytes, more than ${limitBytes}: nothing was written.`
  writeFileSync(picture, bytes)
  return undefined
}

if (import.meta.main) {
  const problem = await main(process.argv.slice(2))
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    process.exitCode = 2
  }
}

/** A real browser, for tests of pages and for pictures of them: Chromium or a relative that is installed, headless, alone and without a network. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Browser, launch } from 'puppeteer-core'

/** What finding a browser depends on: the machine, or a made-up one in a test. */
export type Machine = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  /** Whether the path is a program that can be started. */
  readonly isProgram: (path: string) => boolean
  /** Installs Debian's package `chromium`. Absent where this process may not, or the system is another. */
  readonly install?: () => void
}

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge']
const macPrograms = ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
  (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
)
const windowsPrograms = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe']

/** The path of a browser that puppeteer-core can drive. Throws an error that says what was looked for and what to do. */
export function findBrowser(machine: Machine = thisMachine()): string {
  const { env, isProgram, install } = machine
  const chosen = env.WARDROUND_CHROMIUM
  if (chosen !== undefined && chosen !== '') {
    if (isProgram(chosen)) return chosen
    throw new Error(
      `WARDROUND_CHROMIUM is ${chosen}, which is not a program. Set it to the path of Chromium or Chrome.`,
    )
  }
  const found = candidates(machine).find(isProgram)
  if (found !== undefined) return found
  install?.()
  const installed = install === undefined ? undefined : candidates(machine).find(isProgram)
  if (installed !== undefined) return installed
  throw new Error(
    `The tests of the pages need Chromium, Chrome or Edge. Looked for WARDROUND_CHROMIUM and for:\n${candidates(machine)
      .map((path) => `  ${path}`)
      .join('\n')}\nInstall one (Debian, Ubuntu: apt-get install chromium), or set WARDROUND_CHROMIUM to its path.`,
  )
}

/** Names on the path first, then where installers put the program. */
function candidates({ env, platform }: Machine): string[] {
  if (platform === 'win32') {
    const folders = [env.ProgramFiles, env['ProgramFiles(x86)'], env.LOCALAPPDATA].filter((path) => path !== undefined)
    return folders.flatMap((folder) => windowsPrograms.map((program) => `${folder}\\${program}`))
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((path) => path !== '')
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return platform === 'darwin' ? [...onPath, ...macPrograms] : onPath
}

const isRoot = (): boolean => process.getuid?.() === 0

const thisMachine = (): Machine => ({
  env: process.env,
  platform: process.platform,
  isProgram: (path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  },
  ...(isRoot() && existsSync('/etc/debian_version') ? { install: installChromium } : {}),
})

/** Debian's own package, once; a test machine that starts empty then needs no preparation. */
function installChromium(): void {
  process.stderr.write('Installing Chromium for the tests of the pages (apt-get install chromium; once) …\n')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', 'chromium']]) {
    const { status, error } = spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] })
    if (status !== 0) {
      throw new Error(
        `apt-get ${args.join(' ')} failed (see above). Install Chromium, or set WARDROUND_CHROMIUM to its path.`,
        { cause: error },
      )
    }
  }
}

export type OpenBrowser = { readonly browser: Browser; readonly close: () => Promise<void> }

/**
 * Headless, with a profile of its own that is deleted afterwards. No name resolves but those of this machine, so a page that asks for
 * anything else fails. Commands go through a pipe: a browser whose test process is gone sees it close, and ends too.
 */
export async function openBrowser(): Promise<OpenBrowser> {
  const profile = mkdtempSync(join(tmpdir(), 'wardround-browser-'))
  const forget = (): void => rmSync(profile, { recursive: true, force: true, maxRetries: 3 })
  process.on('exit', forget)
  try {
    const browser = await launch({
      executablePath: findBrowser(),
      headless: true,
      pipe: true,
      // A coordinator of a test makes its own certificate, and there is nobody else to talk to.
      acceptInsecureCerts: true,
      userDataDir: profile,
      args: [
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
        '--disable-background-networking',
        '--disable-dev-shm-usage',
        '--force-color-profile=srgb',
        // Chromium refuses its own sandbox to root; everybody else keeps it.
        ...(isRoot() ? ['--no-sandbox'] : []),
      ],
    })
    return {
      browser,
      async close() {
        await browser.close()
        forget()
        process.off('exit', forget)
      },
    }
  } catch (error) {
    forget()
    throw error
  }
}

/** A site's work: tasks of several studies side by side, each study's one after another; and meanwhile an ear for which of them are wanted no more. */
import { asWardroundError } from '@wardround/core/errors.ts'
import type { RouteAnswer } from '@wardround/core/protocol/routes.ts'
import type { Signed } from '@wardround/core/protocol/signing.ts'
import { siteWords } from '@wardround/core/words/en/site.ts'
import type { OpenSite } from './agent.ts'
import { persistently, pollSeconds } from './client.ts'
import { named, runTask } from './task.ts'

/** Runs until `site.signal` aborts, which `stop` does. Errors: those that no waiting mends, of asking and of any task; nothing is at work then. */
export async function workSideBySide(site: OpenSite, stop: () => void): Promise<void> {
  const { jobs } = site
  const working = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  const endWith = (error: unknown): void => {
    const cancelled = site.signal?.aborted === true || asWardroundError(error).code === 'WR_CANCELLED'
    if (!cancelled) failure ??= { error }
    stop()
  }
  /** False where it cannot be begun now: it is given again. */
  const begin = (signed: Signed): boolean => {
    const task = named(signed)
    if (!jobs.begin(task)) return false
    const work = perform(signed, task.study)
      .catch(endWith)
      .finally(() => working.delete(work))
    working.add(work)
    return true
  }
  const perform = async (signed: Signed, study: string): Promise<void> => {
    const own = site.beside(study)
    let next: Signed | null = null
    try {
      next = await persistently(() => runTask(own.site, signed), site.patience)
    } finally {
      own.over()
      jobs.end(study)
      // What came with the thanks need not be asked for.
      if (next !== null && site.signal?.aborted !== true) begin(next)
    }
  }
  site.log('info', siteWords.waiting())
  try {
    await askOn(site, begin)
  } catch (error) {
    endWith(error)
  }
  stop()
  while (working.size > 0) await Promise.all(working)
  if (failure !== undefined) throw failure.error
}

/** Asks for work, again and again. */
async function askOn(site: OpenSite, begin: (task: Signed) => boolean): Promise<void> {
  const { jobs } = site
  for (let pauseMs = 0; site.signal?.aborted !== true; ) {
    await jobs.due(pauseMs)
    if (site.signal?.aborted) return
    const answer = await ask(site)
    const news = jobs.hear(answer?.closed ?? [])
    const given = answer?.task ?? null
    // What cannot be begun, and would be given again at once: the last task of its study is not quite over, or the coordinator does not listen to what is at work.
    pauseMs = given !== null && !begin(given) && !news ? 1000 * pollSeconds : 0
  }
}

/** undefined where what was asked is out of date. */
async function ask(site: OpenSite): Promise<RouteAnswer<'nextTask'> | undefined> {
  const { client, jobs, patience, signal } = site
  const call = (heard: AbortSignal | undefined) =>
    persistently(
      () => client.call('nextTask', { query: { wait: pollSeconds } }, heard === undefined ? {} : { signal: heard }),
      patience,
    )
  const gone = new AbortController()
  const cut = (): void => gone.abort('cut')
  const ear = jobs.listen(cut)
  if (ear === undefined) return call(signal)
  signal?.addEventListener('abort', cut)
  try {
    return await call(gone.signal)
  } catch (error) {
    if (gone.signal.aborted && signal?.aborted !== true) return undefined
    throw error
  } finally {
    signal?.removeEventListener('abort', cut)
    ear.end()
  }
}

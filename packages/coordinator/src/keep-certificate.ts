/** A coordinator runs for years, and its certificate does not: looked after hourly, and taken up without a restart. */
import { X509Certificate } from 'node:crypto'
import type { Clock } from '@wardround/core/ports.ts'
import type { Log } from './context.ts'
import type { TlsFiles } from './identity.ts'

const lookMs = 3_600_000

/** Whoever renews certificates by machine has done it by then. */
const warnAheadMs = 14 * 86_400_000

export type Keeping = {
  /** The one to use now: our own, made anew in time, or what lies in the files of whoever runs us. */
  readonly certificate: () => Promise<TlsFiles>
  readonly renew: (tls: TlsFiles) => void
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** Resolves when `signal` aborts. A certificate that cannot be read or used is said, and looked at again in an hour: the old one is served on. */
export async function keepCertificate(served: TlsFiles, keeping: Keeping): Promise<void> {
  const { certificate, renew, clock, log, signal } = keeping
  let known = served
  while (!signal.aborted) {
    warn(known, clock.now(), log)
    await clock.sleep(lookMs, signal)
    if (signal.aborted) return
    try {
      const found = await certificate()
      if (found.certificate === known.certificate && found.key === known.key) continue
      // Two files: between their replacements they do not go together, and this throws.
      renew(found)
      known = found
      log('info', 'the certificate was renewed', { until: new X509Certificate(found.certificate).validTo })
    } catch (error) {
      log('error', 'the certificate cannot be renewed', { cause: error instanceof Error ? error.stack : undefined })
    }
  }
}

function warn({ certificate }: TlsFiles, now: number, log: Log): void {
  const { validToDate, validTo } = new X509Certificate(certificate)
  if (validToDate.getTime() - now < warnAheadMs)
    log('error', 'the certificate expires soon, or has expired', { until: validTo })
}

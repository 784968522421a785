/** What Wardround needs from the world, injected everywhere outside a main.ts, so that a federation can run on virtual time. */

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Resolves after `delayMs`, or at once when `signal` aborts (it never rejects). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/** Unpredictable bytes for keys, secrets and nonces. Reproducible draws come from random.ts instead, never from here. */
export type Entropy = (sizeBytes: number) => Uint8Array

/** One request on its way out. `path` starts with `/v1/`; `body` is whole, or a stream whose size is known. */
export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  readonly signal?: AbortSignal
}

export type HttpResponse = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: AsyncIterable<Uint8Array>
}

/** A way to one server. TLS, pins and proxies are behind it; it throws WR_UNREACHABLE, WR_PROXY, WR_TIMEOUT or WR_CERTIFICATE_PIN. */
export interface Network {
  send(request: HttpRequest): Promise<HttpResponse>
}

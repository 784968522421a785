/** What Wardround needs from the world, injected everywhere outside a main.ts, so that a federation can run on virtual time. */

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Resolves after `delayMs`, or at once when `signal` aborts (it never rejects). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
}

/**
 * Ed25519 (RFC 8032) on raw bytes: 32 of a public key, 64 of a signature. At once, not by promise: a platform's threads would let real time
 * say what comes first.
 */
export interface Ed25519 {
  /** The keys of a secret of 32 unpredictable bytes (section 5.1.5). Nobody gets the secret back out of them. */
  keysOf(secret: Uint8Array): Ed25519Keys
  /** A public key that is none, or a signature that is none, is simply false. */
  verify(claim: {
    readonly publicKey: Uint8Array
    readonly message: Uint8Array
    readonly signature: Uint8Array
  }): boolean
}

export interface Ed25519Keys {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
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

/** What is injected into coordinator and site alike. */
export type World = { readonly clock: Clock; readonly entropy: Entropy; readonly ed25519: Ed25519 }

/** What Wardround needs from the world, injected everywhere outside a main.ts, so that a federation can run on virtual time. */

export interface Clock {
  /** Milliseconds since the Unix epoch, as people write them down: they may be set, a day forward or back. */
  now(): number
  /** The same at the start of the process, and never set: for what is waited for, and for what must not come twice. */
  steadyNow(): number
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

/** A way to one server. TLS, pins and proxies are behind it; it throws WR_UNREACHABLE, WR_PROXY, WR_TIMEOUT, WR_CERTIFICATE_PIN or WR_CERTIFICATE_EXPIRED. */
export interface Network {
  send(request: HttpRequest): Promise<HttpResponse>
}

/** Whether it is to be there after a power cut. */
export type Durability = { readonly durably: boolean }

/**
 * A site's own files, for their owner only. At once, not by promise: what comes first is said by the caller. What it cannot do it throws as the
 * operating system does, an error with a `code` (ENOSPC, EACCES, …).
 */
export interface Disk {
  /** A file's bytes; undefined where there is none. For files that are small. */
  read(path: string): Uint8Array | undefined
  /** Fills `target` with a file's bytes from `from` on; how many there were. undefined where there is no such file. */
  readInto(path: string, target: Uint8Array, from: number): number | undefined
  /** undefined where there is no such file. */
  sizeBytes(path: string): number | undefined
  /** Names in a folder, in no order; none where there is no folder. */
  list(folder: string): readonly string[]
  /** A folder and those above it, durably. */
  makeFolder(path: string): void
  /** A file's whole content. Its name, where it is new, is durable after syncFolder(). */
  write(path: string, parts: readonly Uint8Array[], durability: Durability): void
  /** Bytes at the end of a file, which is made where there is none. Durable are then all bytes before them, too. */
  append(path: string, bytes: Uint8Array, durability: Durability): void
  /** Durable with the next append() that is. */
  truncate(path: string, sizeBytes: number): void
  /** Replaces what was called `to`, in one step. Durable after syncFolder(). */
  rename(from: string, to: string): void
  /** Removes a file; one that is not there is removed already. Durable after syncFolder(). */
  remove(path: string): void
  /** The names in a folder, durably. */
  syncFolder(path: string): void
  /** A lock that one process at a time holds; it is free when its holder has died, however it died. */
  lock(path: string): Lock
  /** The number of the living process that holds a lock; undefined where nobody does. Errors: WR_PERMISSION, WR_DISK. */
  lockedBy(path: string): number | undefined
}

export interface Lock {
  /** Waits for another process for so long, holding this one up, or not at all. Gives what frees it. Errors: WR_LOCKED, WR_PERMISSION, WR_DISK. */
  take(patienceMs?: number): () => void
  /** Not while it is held. */
  close(): void
}

/** What is injected into coordinator and site alike. */
export type World = { readonly clock: Clock; readonly entropy: Entropy; readonly ed25519: Ed25519 }
export type SiteWorld = World & { readonly disk: Disk }

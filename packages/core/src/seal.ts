/**
 * A digest that costs a fraction of SHA-256: to know again, in the life of one process, what it has once held against its name. NH (core/nh-kernel.ts) of each block of 64 KiB
 * under a key that never leaves this memory, and SHA-256 of what comes out: who does not know the key, be it a disk or somebody with a hand on it, makes
 * other bytes with the same seal once in 2³² attempts.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { type NhKernel, nhBlockBytes, nhKernelAt, nhStepBytes } from './nh-kernel.ts'
import type { Entropy } from './ports.ts'
import { workbench } from './workbench.ts'

/** Of one stream of bytes, however it is cut. */
export type Seal = { update(bytes: Uint8Array): void; digest(): string }
export type Sealing = () => Seal

/** undefined where the platform does not take the kernel: then there is SHA-256. What is in a workbench is sealed where it is. */
export function sealing(entropy: Entropy): Sealing | undefined {
  const shared = nhKernelAt(workbench(0).begin()(0).buffer)
  if (shared === undefined) return undefined
  const key = entropy(nhBlockBytes)
  return () => sealBy(key, shared)
}

function sealBy(key: Uint8Array, shared: NhKernel): Seal {
  const outer = sha256.create()
  const sums = new Uint8Array(shared.sums.length)
  const rest = new Uint8Array(nhStepBytes)
  let restBytes = 0
  let sizeBytes = 0
  /** In the block. */
  let position = 0
  const add = (bytes: Uint8Array): void => {
    const own = nhKernelAt(bytes.buffer)
    const kernel = own ?? shared
    if (own === undefined) kernel.message.set(bytes)
    kernel.use(key)
    kernel.sums.set(sums)
    kernel.add((own === undefined ? kernel.message : bytes).byteOffset, bytes.length, position)
    sums.set(kernel.sums)
    position += bytes.length
    if (position === nhBlockBytes) endBlock()
  }
  const endBlock = (): void => {
    outer.update(sums)
    sums.fill(0)
    position = 0
  }
  return {
    update(bytes) {
      sizeBytes += bytes.length
      let at = 0
      if (restBytes > 0) {
        at = Math.min(nhStepBytes - restBytes, bytes.length)
        rest.set(bytes.subarray(0, at), restBytes)
        restBytes += at
        if (restBytes < nhStepBytes) return
        add(rest)
      }
      for (let length = 0; bytes.length - at >= nhStepBytes; at += length) {
        length = Math.min(nhBlockBytes - position, bytes.length - at)
        length -= length % nhStepBytes
        add(bytes.subarray(at, at + length))
      }
      rest.set(bytes.subarray(at))
      restBytes = bytes.length - at
    },
    digest() {
      if (restBytes > 0) add(rest.fill(0, restBytes))
      if (position > 0) endBlock()
      return bytesToHex(outer.update(utf8ToBytes(String(sizeBytes))).digest())
    },
  }
}

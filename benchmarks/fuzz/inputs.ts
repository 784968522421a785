/** Inputs on disk: a line each, in base64. The kept corpus is such files, and so is what a finding leaves behind. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Bytes } from './boundary.ts'

export const corpusFile = (boundary: string): string =>
  fileURLToPath(new URL(`corpus/${boundary.replaceAll('/', '-')}.txt`, import.meta.url))

/** A missing file holds none. */
export const readInputs = (path: string): readonly Bytes[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => Uint8Array.fromBase64(line))
    : []

export const writeInputs = (path: string, inputs: readonly Bytes[]): void =>
  writeFileSync(path, inputs.map((input) => `${input.toBase64()}\n`).join(''))

/**
 * Arrays in a file that has no name: what a trainer and its process hand to each other, as two processes share no memory here. Both have it open, and nobody else can open it; it is
 * gone with the last of them. A request is a text with arrays as places in the file; what comes back lies at its start, and behind that a checkpoint.
 */
import { readvSync, writevSync } from 'node:fs'
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export type Exchange = FileHandle

type Placed = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>
type Numbers = Placed | Float64Array<ArrayBuffer>

/** Its name is gone when it is returned; `name` is to be one that no other process chooses. */
export async function openExchange(folder: string, name: string): Promise<Exchange> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, name)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}

const kinds = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array } as const

/** What an array is in a text. */
type Place = { readonly place: keyof typeof kinds; readonly at: number; readonly length: number }

export type LaidOut = { readonly text: string; readonly pieces: readonly Numbers[]; readonly sizeBytes: number }

/** A value as text, its arrays one after another in a file; one that occurs twice is there once. */
export function layOut(value: object): LaidOut {
  const places = new Map<Numbers, Place>()
  let sizeBytes = 0
  const placeOf = (array: Placed): Place => {
    const known = places.get(array)
    if (known !== undefined) return known
    const kind = array instanceof Float32Array ? 'float32' : array instanceof Int32Array ? 'int32' : 'uint8'
    const place: Place = { place: kind, at: sizeBytes, length: array.length }
    places.set(array, place)
    sizeBytes += array.byteLength
    return place
  }
  const text = JSON.stringify(value, (_, part: Placed | undefined) => (isPlaced(part) ? placeOf(part) : part))
  return { text, pieces: [...places.keys()], sizeBytes }
}

const isPlaced = (part: unknown): part is Placed =>
  part instanceof Float32Array || part instanceof Int32Array || part instanceof Uint8Array

/** The value of a text, with arrays in memory of their own: those that were one are one again. For whoever believes the other side. */
export function takeIn(text: string, file: number): unknown {
  const arrays = new Map<number, Numbers>()
  const arrayAt = ({ place, at, length }: Place): Numbers => {
    const known = arrays.get(at)
    // An empty one takes no room: its place is the next one's, too.
    if (known?.length === length) return known
    const array = new kinds[place](length)
    readAll(file, [array], at)
    arrays.set(at, array)
    return array
  }
  return JSON.parse(text, (_, part: unknown) => (isPlace(part) ? arrayAt(part) : part))
}

const isPlace = (part: unknown): part is Place =>
  typeof part === 'object' && part !== null && Object.keys(part).join() === 'place,at,length'

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** What is left of arrays when so many of their bytes are done. */
function* rest(arrays: readonly Numbers[], doneBytes: number): Generator<Uint8Array> {
  let before = doneBytes
  for (const bytes of arrays.map(bytesOf)) {
    if (bytes.length > before) yield bytes.subarray(before)
    before = Math.max(0, before - bytes.length)
  }
}

const sizeOf = (arrays: readonly Numbers[]): number => arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)

/** From the file's start on. */
export async function put(file: Exchange, arrays: readonly Numbers[]): Promise<void> {
  const sizeBytes = sizeOf(arrays)
  for (let done = 0; done < sizeBytes; ) done += (await file.writev([...rest(arrays, done)], done)).bytesWritten
}

/** Fills arrays from a place in the file on, if not its start; whether it holds so much. */
export async function take(file: Exchange, arrays: readonly Numbers[], at = 0): Promise<boolean> {
  const sizeBytes = sizeOf(arrays)
  for (let done = 0; done < sizeBytes; ) {
    const { bytesRead } = await file.readv([...rest(arrays, done)], at + done)
    if (bytesRead === 0) return false
    done += bytesRead
  }
  return true
}

/** As put(), or from another place on, by a process that has nothing else to do meanwhile. */
export function putNow(file: number, arrays: readonly Numbers[], at = 0): void {
  const sizeBytes = sizeOf(arrays)
  for (let done = 0; done < sizeBytes; ) done += writevSync(file, [...rest(arrays, done)], at + done)
}

function readAll(file: number, arrays: readonly Numbers[], at: number): void {
  const sizeBytes = sizeOf(arrays)
  for (let done = 0; done < sizeBytes; ) {
    const bytes = readvSync(file, [...rest(arrays, done)], at + done)
    if (bytes === 0) throw new RangeError('the file is shorter than what was said of it')
    done += bytes
  }
}

/** PNG and JPEG as pictures. Decoders are JavaScript: the same file gives the same levels on every machine. */
import type { Picture } from '@wardround/core/preparation/fit-image.ts'
import { decode as decodePng } from 'fast-png'
import jpeg from 'jpeg-js'

/** A larger picture is not decoded: 64 million pixels. */
const mostPixels = 1 << 26

/** Undefined for what cannot be read: another format, damaged, or too large. */
export function decodePicture(bytes: Uint8Array): Picture | undefined {
  try {
    return starts(bytes, 0x89, 0x50, 0x4e, 0x47)
      ? png(bytes)
      : starts(bytes, 0xff, 0xd8)
        ? jpegPicture(bytes)
        : undefined
  } catch {
    // The decoders' errors say nothing that a person could act on, and may hold what is in the file: preflight counts the record.
    return undefined
  }
}

const starts = (bytes: Uint8Array, ...expected: number[]): boolean =>
  expected.every((byte, index) => bytes[index] === byte)

function jpegPicture(bytes: Uint8Array): Picture {
  const limits = { maxResolutionInMP: mostPixels / 1e6, maxMemoryUsageInMB: 1024 }
  const options = { useTArray: true, formatAsRGBA: false, tolerantDecoding: false } as const
  const { width, height, data } = jpeg.decode(bytes, { ...options, ...limits })
  return { width, height, channels: 3, levels: data }
}

function png(bytes: Uint8Array): Picture | undefined {
  // IHDR is the first of a file's chunks, and its extents the first of its fields.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(16) * view.getUint32(20) > mostPixels) return undefined
  const { width, height, channels, depth, palette, data } = decodePng(bytes, { checkCrc: true })
  const samples = depth < 8 ? unpacked(data, { depth, perRow: width * channels, rows: height }) : data
  if (palette !== undefined) return { width, height, channels: 3, levels: coloured(samples, palette) }
  const most = 2 ** depth - 1
  const level = (sample: number): number => (depth === 8 ? sample : Math.round((sample * 255) / most))
  const kept = channels < 3 ? 1 : 3
  // What is transparent shows what lies beneath.
  const levels = Uint8Array.from({ length: width * height * kept }, (_, index) =>
    level(samples[Math.floor(index / kept) * channels + (index % kept)] ?? 0),
  )
  return { width, height, channels: kept, levels }
}

type Packed = { readonly depth: number; readonly perRow: number; readonly rows: number }

/** Samples of 1, 2 or 4 bits, of which each row begins with a byte of its own. */
function unpacked(data: ArrayLike<number>, { depth, perRow, rows }: Packed): Uint8Array {
  const rowBytes = Math.ceil((perRow * depth) / 8)
  return Uint8Array.from({ length: perRow * rows }, (_, index) => {
    const [row, bit] = [Math.floor(index / perRow), (index % perRow) * depth]
    const byte = data[row * rowBytes + (bit >> 3)] ?? 0
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
  })
}

function coloured(samples: ArrayLike<number>, palette: readonly (readonly number[])[]): Uint8Array {
  const levels = new Uint8Array(samples.length * 3)
  for (let pixel = 0; pixel < samples.length; pixel++)
    levels.set((palette[samples[pixel] ?? 0] ?? [0, 0, 0]).slice(0, 3), 3 * pixel)
  return levels
}

/**
 * An image as the study wants it: grey or in colours, of its size. Sums are whole numbers, so that every hospital's machine gives the same levels; they are
 * those of Pillow's `convert`, and `resize` with `BILINEAR` of the width and then of the height, which take the mean over what becomes one pixel
 * (checked against it: fixtures/make_images.py).
 */
import type { ImageForm } from '../study/study.ts'

/** Levels 0 to 255, row by row, a pixel's channels side by side: 1 grey, 3 red, green and blue. */
export type Picture = {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly levels: Uint8Array
}

export type Size = Pick<Picture, 'width' | 'height'>

/** Levels [channels, height, width] of what an image is brought to, and the size that it came in. */
export type FittedImage = { readonly levels: Uint8Array; readonly from: Size }

/** `background` is of masks: the level beside the picture, where no other is made than those it has. */
export type WantedImage = ImageForm & { readonly background?: number }

/** Levels [channels, height, width]. */
export function fitImage(
  picture: Picture,
  { size: [height, width], channels, fit, background }: WantedImage,
): Uint8Array {
  const planes = channels === 1 ? [greyOf(picture)] : [0, 1, 2].map((channel) => planeOf(picture, channel))
  const { inner, left, top } = placeOf(picture, { size: [height, width], fit })
  const fitted = new Uint8Array(channels * height * width).fill(background ?? 0)
  for (const [channel, plane] of planes.entries()) {
    const resized = (background === undefined ? resize : nearestTo)({ ...picture, levels: plane }, inner)
    for (let row = 0; row < inner.height; row++) {
      const at = (channel * height + top + row) * width + left
      fitted.set(resized.subarray(row * inner.width, (row + 1) * inner.width), at)
    }
  }
  return fitted
}

/** The level of each pixel of a picture of size `to`, from labels [height, width] of what fitImage() brought it to: the way back, by the nearest pixel. */
export function unfitMask(labels: Uint8Array, { size, fit }: Pick<ImageForm, 'size' | 'fit'>, to: Size): Uint8Array {
  const { inner, left, top } = placeOf(to, { size, fit })
  const levels = new Uint8Array(inner.width * inner.height)
  for (let row = 0; row < inner.height; row++) {
    const from = (top + row) * size[1] + left
    levels.set(labels.subarray(from, from + inner.width), row * inner.width)
  }
  return nearestTo({ ...inner, levels }, to)
}

/** Whether one picture can lie over another: their proportions are the same, to a pixel. */
export const haveSameProportions = (a: Size, b: Size): boolean =>
  Math.abs(a.width * b.height - a.height * b.width) <= Math.max(a.width, a.height, b.width, b.height)

/** Where a picture of a size comes to lie in the one that is wanted. */
function placeOf(picture: Size, { size: [height, width], fit }: Pick<ImageForm, 'size' | 'fit'>) {
  const inner = fit === 'stretch' ? { width, height } : contained(picture, { width, height })
  return { inner, left: (width - inner.width) >> 1, top: (height - inner.height) >> 1 }
}

/** The largest size of the same proportions. */
function contained(from: Size, into: Size): Size {
  const scale = Math.min(into.width / from.width, into.height / from.height)
  const extent = (length: number, most: number): number => Math.min(most, Math.max(1, Math.round(length * scale)))
  return { width: extent(from.width, into.width), height: extent(from.height, into.height) }
}

/** Luma of ITU-R BT.601 in 16 binary places. */
function greyOf({ channels, levels }: Picture): Uint8Array {
  if (channels === 1) return levels
  return Uint8Array.from({ length: levels.length / 3 }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = levels.subarray(3 * pixel, 3 * pixel + 3)
    return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
  })
}

const planeOf = ({ channels, levels }: Picture, channel: number): Uint8Array =>
  channels === 1
    ? levels
    : Uint8Array.from({ length: levels.length / 3 }, (_, pixel) => levels[3 * pixel + channel] ?? 0)

type Plane = Omit<Picture, 'channels'>

/** The level at each new pixel's middle, as Pillow's `NEAREST`. */
function nearestTo({ levels, ...from }: Plane, to: Size): Uint8Array {
  const places = (length: number, made: number): readonly number[] =>
    Array.from({ length: made }, (_, place) => Math.floor(((2 * place + 1) * length) / (2 * made)))
  const columns = places(from.width, to.width)
  const made = new Uint8Array(to.width * to.height)
  for (const [line, row] of places(from.height, to.height).entries())
    for (const [place, column] of columns.entries())
      made[line * to.width + place] = levels[row * from.width + column] ?? 0
  return made
}

/** Columns first, then rows, rounded to levels in between. */
function resize({ levels, ...from }: Plane, to: Size): Uint8Array {
  const wide =
    to.width === from.width ? levels : resampled(levels, { ...lines(from.height, from.width, 1), to: to.width })
  const across = { width: to.width, height: from.height }
  return to.height === from.height
    ? wide
    : resampled(wide, {
        count: to.width,
        step: 1,
        length: across.height,
        stride: to.width,
        to: to.height,
        outStride: to.width,
        outStep: 1,
      })
}

const lines = (count: number, length: number, stride: number) => ({ count, step: length, length, stride })

/** `count` lines that begin `step` apart, each of `length` values `stride` apart; they become lines of `to` values. */
type Lines = {
  readonly count: number
  readonly step: number
  readonly length: number
  readonly stride: number
  readonly to: number
  readonly outStep?: number
  readonly outStride?: number
}

/** Binary places of a weight: 255 times the sum of all fits into 32 bits. */
const places = 22
const half = 1 << (places - 1)

function resampled(
  levels: Uint8Array,
  { count, step, length, stride, to, outStep = to, outStride = 1 }: Lines,
): Uint8Array {
  const made = new Uint8Array(count * to)
  const taps = tapsOf(length, to)
  for (let line = 0; line < count; line++)
    for (const [place, { first, weights }] of taps.entries()) {
      let sum = half
      for (const [index, weight] of weights.entries())
        sum += (levels[line * step + (first + index) * stride] ?? 0) * weight
      made[line * outStep + place * outStride] = Math.min(255, Math.max(0, sum >> places))
    }
  return made
}

type Tap = { readonly first: number; readonly weights: Int32Array }

/** A triangle around each new pixel's middle, two new pixels or two old ones wide, whichever is more. */
function tapsOf(from: number, to: number): readonly Tap[] {
  const scale = from / to
  const reach = Math.max(1, scale)
  return Array.from({ length: to }, (_, place) => {
    const middle = (place + 0.5) * scale
    const first = Math.max(0, Math.trunc(middle - reach + 0.5))
    const last = Math.min(from, Math.trunc(middle + reach + 0.5))
    const shares = Array.from({ length: last - first }, (_, index) =>
      Math.max(0, 1 - Math.abs((index + first - middle + 0.5) / reach)),
    )
    const whole = shares.reduce((sum, share) => sum + share, 0)
    return { first, weights: Int32Array.from(shares, (share) => Math.trunc((share / whole) * (1 << places) + 0.5)) }
  })
}

/**
 * Images changed by chance before a network sees them: turned over, shifted, turned, larger or smaller, brighter or darker. All but the brightness is one affine map
 * for each image, sampled between pixels (Jaderberg et al. 2015, "Spatial transformer networks", eq. 1 and 5); beside the image it is black. A mask is moved by the same map,
 * each pixel one that it has; beside it there is background.
 */
import type { AugmentSpec } from '../study/augment.ts'
import type { GraphBuilder } from './builder.ts'
import { int, ints, text } from './ir.ts'
import type { DrawSpec } from './layers/layer.ts'

const uses = ['flipped', 'upended', 'right', 'down', 'turn', 'zoom', 'light'] as const
type Use = (typeof uses)[number]

/** Uniform in [0, 1) for each example. No layer can have this name. */
export const augmentDraws: DrawSpec = { name: 'pixels/augment', extents: [uses.length] }

/** Levels [batch, channels, height, width] of images, and label indices [batch, 1, height, width] of their masks. */
export type Pictures = { readonly levels: string; readonly masks?: string | undefined }

/** Of pictures of `extents`, by draws [batch, 7]. */
export function appendAugmentation(
  b: GraphBuilder,
  spec: AugmentSpec,
  { draws, extents, ...pictures }: Pictures & { readonly draws: string; readonly extents: readonly number[] },
): Pictures {
  const columns = b.several('Split', [draws], {
    attributes: { axis: int(1), num_outputs: int(uses.length) },
    outputs: uses.length,
  })
  const draw = (use: Use): string => columns[uses.indexOf(use)] ?? ''
  /** In ±most, [batch, 1]. */
  const around = (use: Use, most: number): string =>
    b.node('Mul', [b.node('Sub', [draw(use), b.scalar(0.5)]), b.scalar(2 * most)])
  const moved = isMoving(spec)
    ? sampled(b, { ...pictures, extents, map: affineMap(b, spec, { draw, around, extents }) })
    : pictures
  if (spec.brightness === 0) return moved
  const light = b.node('Unsqueeze', [around('light', 255 * spec.brightness), b.axes([2, 3])])
  return { ...moved, levels: b.node('Clip', [b.node('Add', [moved.levels, light]), b.scalar(0), b.scalar(255)]) }
}

const isMoving = ({ flip, shift, rotation, scale }: AugmentSpec): boolean =>
  flip !== 'none' || shift > 0 || rotation > 0 || scale > 0

type Drawn = {
  draw(use: Use): string
  around(use: Use, most: number): string
  readonly extents: readonly number[]
}

/**
 * From a new image's places to the old one's, both ±1 at their edges: [batch, 2, 3]. A turn is one of pixels, and not of what is stretched to a square:
 * x = s·(f·cos·x′ − sin·(H/W)·y′) + t, y = s·(f·sin·(W/H)·x′ + cos·g·y′) + u.
 */
function affineMap(
  b: GraphBuilder,
  { flip, shift, rotation, scale }: AugmentSpec,
  { draw, around, extents }: Drawn,
): string {
  const [, height = 1, width = 1] = extents
  const angle = around('turn', (rotation * Math.PI) / 180)
  const [cosine, sine] = [b.node('Cos', [angle]), b.node('Sin', [angle])]
  const size = b.node('Add', [around('zoom', scale), b.scalar(1)])
  const sign = (use: Use, isOn: boolean): string =>
    isOn
      ? b.node('Sub', [
          b.node('Mul', [b.node('Floor', [b.node('Mul', [draw(use), b.scalar(2)])]), b.scalar(2)]),
          b.scalar(1),
        ])
      : b.scalar(1)
  const flipped = sign('flipped', flip === 'horizontal' || flip === 'both')
  const upended = sign('upended', flip === 'vertical' || flip === 'both')
  const product = (...factors: readonly string[]): string =>
    factors.slice(1).reduce((value, factor) => b.node('Mul', [value, factor]), factors[0] ?? '')
  const cells = [
    product(size, cosine, flipped),
    product(size, sine, upended, b.scalar(-height / width)),
    around('right', 2 * shift),
    product(size, sine, flipped, b.scalar(width / height)),
    product(size, cosine, upended),
    around('down', 2 * shift),
  ]
  const row = b.node('Concat', cells, { attributes: { axis: int(1) } })
  return b.node('Reshape', [row, b.axes([0, 2, 3])])
}

/** At the places that a map makes of each pixel's own. */
function sampled(
  b: GraphBuilder,
  { levels, masks, extents, map }: Pictures & { readonly extents: readonly number[]; readonly map: string },
): Pictures {
  const [, height = 1, width = 1] = extents
  const middle = (index: number, extent: number): number => (2 * index + 1) / extent - 1
  const own = Float32Array.from({ length: height * width * 3 }, (_, at) => {
    const [pixel, which] = [Math.floor(at / 3), at % 3]
    return which === 2 ? 1 : which === 0 ? middle(pixel % width, width) : middle(Math.floor(pixel / width), height)
  })
  const places = b.initializer({ name: 'pixels/places', type: 'float32', shape: [height * width, 3], data: own })
  const turned = b.node('Transpose', [map], { attributes: { perm: ints([0, 2, 1]) } })
  const grid = b.node('Reshape', [b.node('MatMul', [places, turned]), b.axes([0, height, width, 2])])
  const attributes = { mode: text('nearest') }
  return {
    levels: b.node('GridSample', [levels, grid]),
    ...(masks === undefined ? {} : { masks: b.node('GridSample', [masks, grid], { attributes }) }),
  }
}

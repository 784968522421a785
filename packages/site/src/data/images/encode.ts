/** PNG files of grey levels. */
import { encode } from 'fast-png'

/** Of [height, width]. */
export const greyPng = (data: Uint8Array, size: { readonly height: number; readonly width: number }): Uint8Array =>
  encode({ ...size, channels: 1, depth: 8, data })

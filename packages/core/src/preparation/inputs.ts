/** Records as a model takes them. By itself: a trainer's process knows nothing else of preparation. */
export type ModelInputs = {
  /** [rows, width], row-major; of images their levels, 0 to 255. */
  readonly features: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>
  readonly rows: number
  /** Values of a record. */
  readonly width: number
  /** Channels, height and width, where records are images. */
  readonly extents?: readonly number[]
  /** What makes model inputs of levels; of pooled hospitals each one's, in turn. */
  readonly pixelScale?: PixelScale
  /** [rows]: 0 or 1, a class index, or a value; or [rows, 2], row-major: a time, and 1 for an event there or 0 for the end of observation. */
  readonly target: Float32Array<ArrayBuffer>
  /** Values of a record's target; absent: one. */
  readonly targetWidth?: number
  /** [rows, height, width], row-major: of images their pixels' label indices, where those are what is predicted. */
  readonly masks?: Uint8Array<ArrayBuffer>
  readonly patients: readonly string[]
}

/** [channels] each: levels become (level − mean) / deviation. */
export type PixelScale = {
  readonly mean: Float32Array<ArrayBuffer>
  readonly deviation: Float32Array<ArrayBuffer>
}

/** What one example is to the model. */
export const inputsIn = ({ extents, width }: Pick<ModelInputs, 'extents' | 'width'>): number | readonly number[] =>
  extents ?? width

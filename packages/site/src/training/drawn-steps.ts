/** What differs from step to step, where steps are taken one after another: examples, draws and rate. */
import { drawsInput } from '@wardround/core/graph/step.ts'
import { sizeOf } from '@wardround/core/weights.ts'
import { dropoutStream, fillUniform, type Parts } from './plan.ts'
import { stepRates } from './rates.ts'
import type { WayOptions } from './way.ts'

export type DrawnStep = {
  /** Rows of the data set, [batch]. */
  readonly indices: Int32Array<ArrayBuffer>
  /** By the names of inputs: [batch, …extents]. */
  readonly draws: ReadonlyMap<string, Float32Array<ArrayBuffer>>
  /** [1], if scheduled. */
  readonly rate: Float32Array<ArrayBuffer> | undefined
}

type Layers = readonly { readonly name: string; readonly extents: readonly number[] }[]

/** Of each step of some parts of the schedule. */
export function* drawnSteps(
  { request, schedule, batch }: Pick<WayOptions, 'request' | 'schedule' | 'batch'>,
  layers: Layers,
  parts: Parts,
): Generator<DrawnStep> {
  const { labels } = request
  for (let part = parts.from; part < parts.from + parts.count; part++) {
    const own = { from: part, count: 1 }
    const [indices, rates] = [schedule.indices(own), stepRates(request, schedule, own)]
    const streams = layers.map((layer) => ({ layer, random: dropoutStream({ layer: layer.name, labels }, part) }))
    for (let step = 0; step < schedule.stepsPerPart; step++)
      yield {
        indices: indices.slice(step * batch, (step + 1) * batch),
        draws: new Map(
          streams.map(({ layer, random }) => [
            drawsInput(layer),
            fillUniform(new Float32Array(batch * sizeOf(layer.extents)), random),
          ]),
        ),
        rate: rates?.slice(step, step + 1),
      }
  }
}

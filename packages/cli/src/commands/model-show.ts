/** `wardround model show FILE`: the layers of a model with their outputs and parameters, and a picture of it. */
import { basename } from 'node:path'
import { WardroundError } from '@wardround/core/errors.ts'
import { diagramFigure } from '@wardround/core/figures/diagram.ts'
import { render } from '@wardround/core/figures/markup.ts'
import { type Diagram, diagramOf } from '@wardround/core/graph/inspect/diagram.ts'
import { itemsOfLayers, itemsOfTrace } from '@wardround/core/graph/inspect/items.ts'
import { type SummaryRow, summaryOfLayers, summaryOfTrace } from '@wardround/core/graph/inspect/summary.ts'
import { extentsOf } from '@wardround/core/graph/network.ts'
import { cliWords } from '@wardround/core/words/en/cli.ts'
import { modelShowWords } from '@wardround/core/words/en/model.ts'
import { obstacleWords } from '@wardround/core/words/en/model-check.ts'
import { writeOut } from '../homes.ts'
import { type ModelFile, openModelFile } from '../model-file.ts'
import type { CommonOptions, Outcome } from '../output.ts'
import type { Runtime } from '../runtime.ts'

type Options = CommonOptions & { svg?: string }
type Typed = { readonly args: readonly string[]; readonly options: Options }

/** Errors: those of openModelFile(); WR_GRAPH_REFUSED for a model that cannot be trained; WR_PERMISSION. */
export async function modelShow(_: Runtime, { args: [path = ''], options: { svg } }: Typed): Promise<Outcome> {
  const { layers, diagram } = viewOf(openModelFile(path))
  if (svg !== undefined) writeOut(svg, `${render(diagramFigure(basename(path), diagram))}\n`)
  return {
    data: { layers, ...(svg === undefined ? {} : { path: svg }) },
    lines: [...modelShowWords.summary(layers), ...(svg === undefined ? [] : [cliWords.wrote(svg)])],
  }
}

type View = { readonly layers: readonly SummaryRow[]; readonly diagram: Diagram }

function viewOf(file: ModelFile): View {
  if (file.kind === 'study') {
    const { model } = file.study
    const input = extentsOf(file.inputs)
    return { layers: summaryOfLayers(model, input), diagram: diagramOf(input, itemsOfLayers(model.layers, input)) }
  }
  const { model, trace, survey, obstacles } = file.check
  if (model === undefined) {
    const [first] = obstacles
    const problem = first === undefined ? '' : obstacleWords(first).what
    throw new WardroundError('WR_GRAPH_REFUSED', { problem })
  }
  const { input, weights } = model.network
  return {
    layers: summaryOfTrace(trace, weights),
    diagram: diagramOf(input, itemsOfTrace(trace, survey, weights)),
  }
}

/** From all sites' surveys to the one preparation that every site applies, or to the reasons why there is none. */
import type { ImageColumn, Study } from '../study/study.ts'
import { orderedCodes, orderedColumns } from './encoding.ts'
import { deviationOf } from './images.ts'
import type { CoarseHistogram, ColumnSurvey, Finding, Preparation, PreparedColumn, Survey } from './schema.ts'

export type Surveys = Readonly<Record<string, Survey>>
export type Merged = {
  /** undefined where a finding is an error. */
  readonly preparation: Preparation | undefined
  /** By site: its own findings, and what only the comparison with others shows. */
  readonly findings: Readonly<Record<string, readonly Finding[]>>
}

type Moments = { readonly records: number; readonly mean: number; readonly m2: number }

export function mergeSurveys(surveys: Surveys, study: Study): Merged {
  const sites = Object.keys(surveys).toSorted((a, b) => (a < b ? -1 : 1))
  const findings = Object.fromEntries(
    sites.map((site) => [site, [...(surveys[site]?.findings ?? []), ...suspiciousUnits(surveys, study, site)]]),
  )
  if (
    Object.values(findings)
      .flat()
      .some(({ severity }) => severity === 'error')
  )
    return { preparation: undefined, findings }
  const columns = mergedColumns(surveys, study)
  const unusable = orderedColumns(study.data.columns).filter((_, index) => columns[index] === undefined)
  if (unusable.length > 0) {
    const reasons = unusable.map(([column]): Finding => ({ code: 'nothingCounted', severity: 'error', column }))
    return {
      preparation: undefined,
      findings: Object.fromEntries(sites.map((site) => [site, [...(findings[site] ?? []), ...reasons]])),
    }
  }
  const known = columns.filter((column) => column !== undefined)
  return { preparation: { columns: known, normalise: study.data.normalise, contributors: sites }, findings }
}

/** Each column of the plan in order, as the surveys together make it; undefined where nobody has a value that may be counted. */
export function mergedColumns(surveys: Surveys, study: Study): readonly (PreparedColumn | undefined)[] {
  const sites = Object.keys(surveys).toSorted((a, b) => (a < b ? -1 : 1))
  return orderedColumns(study.data.columns).map(([name, spec]): PreparedColumn | undefined => {
    const parts = sites.map((site) => surveys[site]?.columns[name]).filter((part) => part !== undefined)
    if (spec.type === 'category') {
      const codes = orderedCodes(spec.values)
      const counts = codes.map((code) =>
        parts.reduce((sum, part) => sum + (part.type === 'category' ? (part.counts[code] ?? 0) : 0), 0),
      )
      const most = Math.max(...counts)
      return most === 0
        ? undefined
        : { name, type: 'category', codes: [...codes], fill: codes[counts.indexOf(most)] ?? '' }
    }
    if (spec.type === 'image') return preparedImage(name, spec, parts)
    const moments = mergeMoments(parts.flatMap((part) => (part.type === 'number' ? momentsOf(part) : [])))
    if (moments === undefined) return undefined
    const deviation = Math.sqrt(moments.m2 / moments.records)
    const histograms = parts.flatMap((part) =>
      part.type === 'number' && part.histogram !== null ? [part.histogram] : [],
    )
    const fill = study.data.missing.number === 'median' ? medianOf(histograms) : moments.mean
    return { name, type: 'number', fill, mean: moments.mean, standardDeviation: deviation > 0 ? deviation : 1 }
  })
}

/** Each channel's levels in all hospitals' training images; undefined where nobody's may be counted. */
function preparedImage(
  name: string,
  { channels, size }: ImageColumn,
  parts: readonly ColumnSurvey[],
): PreparedColumn | undefined {
  const pixels = size[0] * size[1]
  const moments = Array.from({ length: channels }, (_, channel) =>
    mergeMoments(
      parts.flatMap((part) => {
        const own = part.type === 'image' ? part.channels?.[channel] : undefined
        const images = part.type === 'image' ? (part.records ?? 0) : 0
        return own === undefined || images === 0 ? [] : [{ records: images * pixels, ...own }]
      }),
    ),
  ).filter((own) => own !== undefined)
  if (moments.length < channels) return undefined
  return {
    name,
    type: 'image',
    extents: [channels, ...size],
    mean: moments.map(({ mean }) => mean),
    standardDeviation: moments.map(({ m2, records }) => deviationOf(m2 / records)),
  }
}

type NumberSurvey = Extract<Survey['columns'][string], { type: 'number' }>

const momentsOf = ({ records, mean, m2 }: NumberSurvey): Moments[] =>
  records === null || mean === null || m2 === null || records === 0 ? [] : [{ records, mean, m2 }]

/** Chan, Golub and LeVeque 1983, eq. 2.1: means and squared deviations of parts give those of the whole. */
export function mergeMoments(parts: readonly Moments[]): Moments | undefined {
  return parts.reduce<Moments | undefined>((a, b) => {
    if (a === undefined) return b
    const records = a.records + b.records
    const gap = b.mean - a.mean
    return {
      records,
      mean: a.mean + (gap * b.records) / records,
      m2: a.m2 + b.m2 + (gap * gap * a.records * b.records) / records,
    }
  }, undefined)
}

/** The median of histograms with different bins, each bin's records spread evenly over it: where their joint count passes half. */
export function medianOf(histograms: readonly CoarseHistogram[]): number {
  const edges = [...new Set(histograms.flatMap((histogram) => histogram.edges))].toSorted((a, b) => a - b)
  const total = histograms.reduce((sum, { counts }) => sum + counts.reduce((all, count) => all + count, 0), 0)
  const below = (value: number): number => histograms.reduce((sum, histogram) => sum + countBelow(histogram, value), 0)
  for (const [index, edge] of edges.entries()) {
    const count = below(edge)
    if (count < total / 2) continue
    const before = edges[index - 1]
    if (before === undefined) return edge
    const start = below(before)
    return count === start ? edge : before + ((edge - before) * (total / 2 - start)) / (count - start)
  }
  return Number.NaN
}

function countBelow({ edges, counts }: CoarseHistogram, value: number): number {
  return counts.reduce((sum, count, bin) => {
    const [low, high] = [edges[bin] ?? 0, edges[bin + 1] ?? 0]
    return sum + count * Math.min(1, Math.max(0, (value - low) / (high - low)))
  }, 0)
}

/** A site whose mean lies this many pooled deviations of the others from theirs probably measures in another unit. */
const suspiciousDistance = 6

function suspiciousUnits(surveys: Surveys, study: Study, site: string): Finding[] {
  return orderedColumns(study.data.columns).flatMap(([column]): Finding[] => {
    const [own] = numbers(surveys, column, (name) => name === site)
    const others = mergeMoments(numbers(surveys, column, (name) => name !== site))
    if (own === undefined || others === undefined) return []
    const spread = Math.sqrt(Math.max(others.m2 / others.records, own.m2 / own.records))
    return spread > 0 && Math.abs(own.mean - others.mean) > suspiciousDistance * spread
      ? [{ code: 'unitSuspect', severity: 'warning', column }]
      : []
  })
}

const numbers = (surveys: Surveys, column: string, wanted: (site: string) => boolean): Moments[] =>
  Object.entries(surveys)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .filter(([site]) => wanted(site))
    .flatMap(([, survey]) => {
      const part = survey.columns[column]
      return part?.type === 'number' ? momentsOf(part) : []
    })

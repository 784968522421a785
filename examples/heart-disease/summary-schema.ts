/** Summary statistics of the four hospitals: all that the synthetic twin is made from. */
import { z } from 'zod'

const share = z.number().min(0).max(1)
const numberSummary = z.strictObject({ mean: z.number(), standardDeviation: z.number().min(0) })

/** Of patients with, or without, a narrowed artery; null where too few of them have a value to say anything. */
const groupSchema = z.strictObject({
  numbers: z.record(z.string(), numberSummary.nullable()),
  /** The share of each code among the values that are there. */
  codes: z.record(z.string(), z.record(z.string(), share).nullable()),
})
export type Group = z.output<typeof groupSchema>
const groupsSchema = z.strictObject({ without: groupSchema, with: groupSchema })

export const summarySchema = z.strictObject({
  source: z.string(),
  /** A figure about fewer patients than this is null. */
  minimumPatients: z.int(),
  /** All four hospitals together: what stands in for a null. */
  everywhere: groupsSchema,
  hospitals: z.record(
    z.string(),
    z.strictObject({
      /** Patients by `num`, 0 to 4, as heart-disease.names lists them. */
      patients: z.array(z.int().min(0)).length(5),
      /** The share of records where a column is `?`, and where it is a 0 that stands for "not measured". */
      missing: z.record(z.string(), z.strictObject({ questionMark: share, zero: share })),
      groups: groupsSchema,
    }),
  ),
})
export type Summary = z.output<typeof summarySchema>

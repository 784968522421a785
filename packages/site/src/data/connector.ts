/** Where a hospital's records come from. Text in, text out: what it means is decided by core/preparation/table.ts. */

/** A record as it stands in the source, under the source's own column names. */
export type SourceRecord = {
  /** Line of the file, from 1; or the record's number. */ readonly line: number
  readonly values: readonly string[]
}

export type Connector = {
  /** Column names, in the order of each record's values. */
  readonly columns: readonly string[]
  /** What stands before the fraction of a number. */
  readonly decimal: '.' | ','
  /** Every record, in order, in batches: memory is bounded whatever the size of the source. */
  readonly batches: AsyncIterable<readonly SourceRecord[]>
}

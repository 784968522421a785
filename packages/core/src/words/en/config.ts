/** What can be wrong with a hospital's site.yaml and its file. */
export const configWords = {
  unknownField: () => 'there is no such field; unknown fields are refused, so that nothing is silently ignored',
  unknownUnits: (from: string, to: string) =>
    `Wardround does not know how to turn ${from} into ${to}. Say by what to multiply: factor: NUMBER`,
  ragged: (found: number, expected: number) => `it has ${found} cells, the others have ${expected}`,
  duplicateColumn: (name: string) => `two columns are called ${name}`,
  headerLength: (found: number, expected: number) => `it has ${found} cells, data.header names ${expected}`,
  encoding: () => 'it is not valid UTF-8; if it comes from an older system, set data.encoding: latin1',
  quote: () => 'a quotation mark is opened or closed in the wrong place',
  tooLong: () => 'a record is longer than 1 MiB; a quotation mark is probably never closed',
  csv: () => 'this line does not follow the rules of CSV',
  folder: () => 'it is a folder, not a file',
  noHeader: () =>
    'its first line seems to be a record, not the names of the columns; if the file has no such line, list the names under data.header in site.yaml',
  notText: (found: 'spreadsheet' | 'compressed' | 'utf-16' | 'binary') =>
    ({
      spreadsheet: 'it is a spreadsheet, not text; export it as CSV',
      compressed: 'it is compressed; unpack it first',
      'utf-16': 'it is UTF-16 text; save it as CSV in UTF-8',
      binary: 'it is not a text file',
    })[found],
  packedLength: (found: number, extents: readonly number[]) =>
    `it has ${found} bytes, which is not a whole number of images of ${extents.join(' by ')}; correct size and channels in site.yaml`,
  gzip: () => 'it is compressed by gzip, and damaged',
  notImages: () =>
    'the study wants an image here: say where they are, as { column: NAME, folder: FOLDER } or { packed: FILE, size: [HEIGHT, WIDTH] }',
  images: () => 'the study wants no image here',
  absent: () => 'there is no such file',
  unreadable: () => 'it cannot be read',
  aliases: () => 'anchors and aliases (& and *) are not allowed',
  missingField: () => 'this field is missing',
  /** What `site join` leaves to be filled in. */
  template:
    () => `# This hospital's own file: where its data is, what its columns are called, what may leave. It is never sent.
data:
  file: data.csv # beside this file, or an absolute path
  # missing: ["?", "NA"] # texts that stand for a missing value, beside empty cells
# What the study's columns are called and measured in here; a column of the same name need not be listed.
# columns:
#   age: AGE_YEARS
#   chol: { column: CHOL, unit: mmol/L }
#   sex: { column: SEX, codes: { F: 0, M: 1 } }
#   scan: { column: FILE, folder: scans } # PNG or JPEG files in a folder
policy:
  minimumCohort: 10 # nothing is said about fewer patients than this, whatever a study says
# What training may use; otherwise half of this machine's memory, a day a round, and two studies at once.
# training:
#   memoryMegabytes: 8000 # for each at once
#   minutes: 240
#   atOnce: 4 # studies that train side by side, as far as there are processor cores
#   cores: 4 # for all of them together, where batches come in parts; otherwise all there are
#   device: webgpu # a GPU; the same training twice may then differ in its last bits
`,
}

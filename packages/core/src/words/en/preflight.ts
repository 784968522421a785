/** What preflight found, in plain words, with the mend. */
import type { Finding, FindingCode } from '../../preparation/schema.ts'

type Where = { readonly site: string; readonly column: string; readonly records: string }

const sentences: Record<FindingCode, (where: Where) => string> = {
  missingColumn: ({ site, column }) =>
    `${site} has no column ${column}. Say in its site.yaml what it is called there: columns: { ${column}: NAME }`,
  notNumber: ({ site, column, records }) =>
    `${site}: ${column} holds text where a number belongs, in ${records}. Mend it, or list the text under data.missing in its site.yaml.`,
  unknownCategory: ({ site, column, records }) =>
    `${site}: ${column} holds codes that the study does not list, in ${records}. Translate them, or publish a study that lists them.`,
  outOfRange: ({ site, column, records }) =>
    `${site}: ${column} lies outside the plausible range in ${records}; they count as missing. Check the unit.`,
  allMissing: ({ site, column }) => `${site}: ${column} is empty. The federation's value is put in its place.`,
  nothingCounted: ({ site, column }) =>
    `${site}: neither here nor at another hospital is there anything in ${column} that may be counted: there are no values, or of too few patients, or, of a category, all have the same code. Leave it out of the study, or make a category of two codes a number (range: [0, 1]).`,
  mostlyMissing: ({ site, column, records }) => `${site}: ${column} is missing in ${records}, more than half.`,
  constant: ({ site, column }) => `${site}: ${column} has one and the same value everywhere; it teaches nothing there.`,
  oneClass: ({ site, column }) =>
    `${site}: every record has the same ${column}; there is nothing to tell apart. Check the target and its rule, or, if it is so, say in its site.yaml: data: { oneOutcome: true }`,
  emptySplit: ({ site }) =>
    `${site}: there are no usable records. Check the file and the names of the patient and target columns.`,
  tooFewPatients: ({ site }) =>
    `${site}: too few patients in at least one part of the split; figures about it stay hidden.`,
  duplicateRows: ({ site, records }) =>
    `${site}: ${records} occur twice, patient and all. Remove them if that is an accident of the export.`,
  targetMissing: ({ site, column, records }) => `${site}: ${records} have no ${column} and are left out.`,
  patientMissing: ({ site, column, records }) => `${site}: ${records} have no ${column} and are left out.`,
  partMissing: ({ site, column, records }) => `${site}: ${records} have no ${column} and are left out.`,
  partUnknown: ({ site, column, records }) =>
    `${site}: ${column} does not name a part of the split in ${records}. Say which codes are training and which are test: columns: { ${column}: { column: NAME, codes: { CODE: training, CODE: test } } }`,
  partMixed: ({ site, column, records }) =>
    `${site}: ${column} has patients in more than one part of the split (${records}); who is trained on may not be tested. Give each patient one part.`,
  imageMissing: ({ site, column, records }) =>
    `${site}: ${records} have no ${column}, or name an image that is not there, and are left out. Check the folder or the file of images in its site.yaml: columns: { ${column}: … }`,
  imageUnreadable: ({ site, column, records }) =>
    `${site}: ${column} is not an image that can be read in ${records}, and they are left out. PNG and JPEG can be.`,
  imageRepeated: ({ site, column, records }) =>
    `${site}: ${column} is the same, byte for byte, as in another record in ${records}. Remove them if that is an accident of the export.`,
  imageInTwoParts: ({ site, column, records }) =>
    `${site}: ${records} have a ${column} that another part of the split has, too: what is trained on is tested, and figures will be too good. Give the same image one part, or one patient.`,
  maskLevel: ({ site, column, records }) =>
    `${site}: ${column} has levels in ${records} that the study does not name, and they are left out. Masks are grey PNG files, each level one of data.target.mask; a JPEG file has others in between.`,
  maskProportions: ({ site, column, records }) =>
    `${site}: ${column} has other proportions than the image that it marks in ${records}, and they are left out. Check that each record names its own mask, and that none is turned or cropped.`,
  unitSuspect: ({ site, column }) =>
    `${site}: ${column} lies far from what the other hospitals have. It is probably in another unit: say so in its site.yaml (columns: { ${column}: { column: NAME, unit: … } }).`,
}

export function preflightSentence(site: string, { code, column = '', count }: Finding): string {
  const records =
    count === undefined
      ? 'some records'
      : count === null
        ? 'a few records'
        : count === 1
          ? 'one record'
          : `${count} records`
  return sentences[code]({ site, column, records })
}

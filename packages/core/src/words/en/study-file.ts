/** What is said of studies as files. */
export const studyFileWords = {
  torn: () => 'it ends too early',
  noMember: () => 'it is no archive as a coordinator writes it',
  order: (name: string) => `${name} is not what comes next`,
  tooLarge: (name: string) => `${name} is too large`,
  form: (name: string, place: string) => `${name} is not as it should be: ${place}`,
  digest: (name: string) => `${name} is not what the manifest says`,
  signature: () => 'the signature of its manifest does not hold',
  disagrees: (what: string) => `${what} does not belong to this study`,
  more: () => 'there is more behind its end',
  exported: (path: string, study: string) => [
    `Wrote ${path}: all of ${study}, signed by its coordinator. It holds the weights, and what hospitals released; no patient's record.`,
    `Another coordinator takes it in with: wardround study import ${path}`,
  ],
  imported: (study: string, key: string) => [
    `Imported ${study}. The file is as the coordinator with the key ${key} has signed it: compare that with what you know of it.`,
    `See it with: wardround study show ${study}; wardround study results ${study}`,
  ],
  from: (key: string, madeAt: string) => `  imported: exported ${madeAt} by the coordinator with the key ${key}`,
}

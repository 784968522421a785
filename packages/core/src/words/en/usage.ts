/** What is wrong with a command as it was typed. */
const list = (names: readonly string[]): string => names.join(', ')

export const usageWords = {
  notADemo: (path: string) =>
    `${path} holds a coordinator that no demo made. A demo begins anew and would delete it; choose another --out.`,
  exists: (path: string) => `${path} is there already; nothing was written.`,
  noHospital: (name: string, names: readonly string[]) =>
    `There is no hospital ${name} in the demo. There are ${list(names)}.`,
  noStore: (name: string, names: readonly string[]) => `The demo has no store ${name}. There are ${list(names)}.`,
  noFormat: (name: string, names: readonly string[]) => `There is no format ${name}. There are ${list(names)}.`,
  noStrategy: (name: string, names: readonly string[]) => `There is no strategy ${name}. There are ${list(names)}.`,
  noSeed: (text: string, highest: number) => `${text} is no seed; a whole number from 0 to ${highest} is.`,
  noBatch: (text: string) => `${text} is no number of examples; a whole number from 1 to 65536 is.`,
  noHospitals: (text: string) => `${text} is no number of hospitals.`,
  noDuration: (text: string) => `${text} is no duration; 30m, 2h and 1d are.`,
  noPort: (text: string) => `${text} is no port.`,
  certificateAlone: () => '--certificate and --key go together.',
  noSites: () => 'Name at least one hospital: --site name=data.csv',
  siteTwice: (name: string) => `Two hospitals are called ${name}.`,
  noSite: (text: string) => `${text} is not name=file.`,
}

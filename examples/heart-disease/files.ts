/** The form of the four UCI files. */

/** Columns in the order of the files, which have no line of names. */
export const columns: readonly string[] =
  'age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal num'.split(' ')

/** The study's number columns, with the digits after the point in the files. */
export const numberColumns: Readonly<Record<string, number>> = { age: 0, trestbps: 0, chol: 0, thalach: 0, oldpeak: 1 }
export const codeColumns = ['sex', 'cp', 'fbs', 'restecg', 'exang'] as const

/** The file of each hospital. */
export const hospitals: Readonly<Record<string, string>> = {
  cleveland: 'processed.cleveland.data',
  budapest: 'processed.hungarian.data',
  zurich: 'processed.switzerland.data',
  longbeach: 'processed.va.data',
}

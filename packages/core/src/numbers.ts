/** Numbers as tables write them. */

const numberPattern = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** A decimal number and nothing else; NaN otherwise. Blank, hexadecimal and `Infinity` are not numbers. */
export const parseNumber = (text: string): number => (numberPattern.test(text) ? Number(text) : Number.NaN)

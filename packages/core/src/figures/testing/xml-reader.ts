/** Reads a drawing back, for tests: a strict reader of the little XML that drawings and reports are written in. Whatever else stands there is an error. */
import { WardroundError } from '../../errors.ts'

export type XmlElement = {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly (XmlElement | string)[]
}

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}
const token = /<\/([a-z][\w-]*)>|<([a-zA-Z][\w-]*)((?: [a-zA-Z][\w:-]*="[^"<>]*")*)>|([^<>]+)/gy

const fault = (what: string): WardroundError => new WardroundError('WR_INTERNAL', { what })

function decoded(text: string): string {
  return text.replace(/&[^;]*;?/g, (entity) => {
    const character = entities[entity]
    if (character === undefined) throw fault(`the entity ${entity}`)
    return character
  })
}

function attributesIn(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/ ([\w:-]+)="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, decoded(value)] as const,
  )
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) throw fault('an attribute twice')
  return Object.fromEntries(pairs)
}

/** Errors: WR_INTERNAL where the text is not one well-formed element. */
export function readXml(text: string): XmlElement {
  const root = { name: '', attributes: {}, children: [] as (XmlElement | string)[] }
  const open = [root]
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const place = token.lastIndex
    const match = token.exec(text)
    if (match === null) throw fault(`${JSON.stringify(text.slice(place, place + 40))} at ${place}`)
    const [, end, start, attributes = '', content] = match
    if (end !== undefined) {
      if (open.pop()?.name !== end || open.length === 0) throw fault(`the end of ${end}`)
    } else if (start !== undefined) {
      const element = { name: start, attributes: attributesIn(attributes), children: [] }
      open.at(-1)?.children.push(element)
      open.push(element)
    } else open.at(-1)?.children.push(decoded(content ?? ''))
  }
  const [only] = root.children
  if (open.length !== 1 || root.children.length !== 1 || only === undefined || typeof only === 'string')
    throw fault('not one element')
  return only
}

export const descendants = (element: XmlElement): XmlElement[] => [
  element,
  ...element.children.flatMap((child) => (typeof child === 'string' ? [] : descendants(child))),
]

export const named = (element: XmlElement, name: string): XmlElement[] =>
  descendants(element).filter((candidate) => candidate.name === name)

export const textOf = (element: XmlElement): string =>
  element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('')

/** The numbers of a `points` attribute, in pairs. */
export const pointsOf = (element: XmlElement): (readonly [number, number])[] =>
  (element.attributes.points ?? '')
    .split(' ')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [x, y] = pair.split(',').map(Number)
      return [x ?? Number.NaN, y ?? Number.NaN]
    })

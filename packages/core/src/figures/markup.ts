/**
 * A page or a drawing as a value, and its text. Whatever is text in it stays text: strings are escaped where they are written out,
 * so no study, site or column name can become an element (OWASP XSS Prevention, rule 1 and 2).
 */
import { WardroundError } from '../errors.ts'

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>
export type Element = { readonly name: string; readonly attributes: Attributes; readonly children: readonly Markup[] }
/** A string is text, never markup. */
export type Markup = Element | string | readonly Markup[]

/** An element. Attributes that are undefined or false are left out; one that is true is written without a value of its own. */
export const h = (name: string, attributes: Attributes = {}, children: Markup = []): Element => ({
  name,
  attributes,
  children: typeof children === 'string' || !isList(children) ? [children] : children,
})

const isList = (markup: Markup): markup is readonly Markup[] => Array.isArray(markup)

/** HTML's elements without an end (HTML Living Standard, 13.1.2). Everything else is closed, so that drawings are XML too. */
const empty = new Set(['meta', 'br', 'hr', 'wbr', 'col'])

/** HTML does not decode what stands in a style sheet, so it cannot be escaped there either. */
const verbatim = new Set(['style'])

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** What XML 1.0 has no place for at all (section 2.2): control characters, lone surrogates, U+FFFE and U+FFFF. */
const unprintable = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu

export const escapeText = (text: string): string =>
  text.replace(unprintable, '\ufffd').replace(/[&<>"']/g, (character) => escapes[character] ?? character)

/** Errors: WR_INTERNAL for a style sheet that holds `<`, the one way out of it. */
export function render(markup: Markup): string {
  if (typeof markup === 'string') return escapeText(markup)
  if (isList(markup)) return markup.map(render).join('')
  const { name, attributes, children } = markup
  const open = `<${name}${Object.entries(attributes).map(attribute).join('')}>`
  if (empty.has(name)) return open
  return `${open}${verbatim.has(name) ? styleText(children) : children.map(render).join('')}</${name}>`
}

function attribute([name, value]: [string, string | number | boolean | undefined]): string {
  if (value === undefined || value === false) return ''
  return ` ${name}="${value === true ? '' : escapeText(typeof value === 'number' ? decimal(value) : value)}"`
}

/** Coordinates to a hundredth of a unit: finer than any eye or printer, and the same text on every machine. */
export const decimal = (value: number): string => String(Math.round(value * 100) / 100 + 0)

function styleText(children: readonly Markup[]): string {
  const text = children.filter((child) => typeof child === 'string').join('')
  if (text.includes('<')) throw new WardroundError('WR_INTERNAL', { what: 'a style sheet with markup in it' })
  return text
}

/** All elements of that name, in document order. */
export function elementsNamed(markup: Markup, name: string): Element[] {
  if (typeof markup === 'string') return []
  if (isList(markup)) return markup.flatMap((child) => elementsNamed(child, name))
  return [...(markup.name === name ? [markup] : []), ...elementsNamed(markup.children, name)]
}

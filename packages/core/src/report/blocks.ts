/** The few shapes of which the report is built. */
import { type Element, h, type Markup } from '../figures/markup.ts'

export const section = (heading: string, children: Markup, attributes: { readonly class?: string } = {}): Element =>
  h('section', {}, [h('h2', attributes, heading), children])

export const figure = (caption: string, children: Markup, attributes: { readonly class?: string } = {}): Element =>
  h('figure', attributes, [children, h('figcaption', {}, caption)])

export const bullets = (items: readonly string[]): Element =>
  h(
    'ul',
    {},
    items.map((item) => h('li', {}, item)),
  )

export const paragraphs = (texts: readonly string[]): Element[] => texts.map((text) => h('p', {}, text))

/** Names and values; long values, as digests, may break anywhere. */
export const record = (entries: readonly (readonly [name: string, value: string])[]): Element =>
  h(
    'dl',
    { class: 'record' },
    entries.map(([name, value]) => [h('dt', {}, name), h('dd', {}, h('code', {}, value))]),
  )

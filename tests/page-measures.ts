/** What can be measured of a page in a browser. Each function runs inside the page, so each stands alone. */

export type Fault = { readonly where: string; readonly what: string }

/**
 * Letters of the drawings that are cut off, on top of each other, or too small. A letter's box has air above and below its ink; the
 * ink is what counts.
 */
export function labelFaults(smallest: number): Fault[] {
  const faults: Fault[] = []
  for (const drawing of document.querySelectorAll<SVGSVGElement>('svg[role=img]')) {
    const where = drawing.querySelector('title')?.textContent ?? 'a drawing without a title'
    const frame = drawing.getBoundingClientRect()
    const labels = [...drawing.querySelectorAll('text')].map((label) => {
      const { left, right, top, bottom } = label.getBoundingClientRect()
      const [ascent, descent] = [top + 0.2 * (bottom - top), bottom - 0.2 * (bottom - top)]
      return { text: label.textContent, left, right, top: ascent, bottom: descent, label }
    })
    for (const [index, { text, left, right, top, bottom, label }] of labels.entries()) {
      const size = (Number.parseFloat(getComputedStyle(label).fontSize) * frame.width) / drawing.viewBox.baseVal.width
      if (size < smallest) faults.push({ where, what: `${text}: letters of ${size.toFixed(1)} px` })
      const outside = Math.max(frame.left - left, right - frame.right, frame.top - top, bottom - frame.bottom)
      if (outside > 1) faults.push({ where, what: `${text}: ${outside.toFixed(1)} px outside the drawing` })
      for (const other of labels.slice(0, index)) {
        const across = Math.min(right, other.right) - Math.max(left, other.left)
        const down = Math.min(bottom, other.bottom) - Math.max(top, other.top)
        if (across > 0.5 && down > 0.5) faults.push({ where, what: `${text} on top of ${other.text}` })
      }
    }
  }
  return faults
}

/** How much wider than the window the page is. */
export const sidewaysScroll = (): number => document.documentElement.scrollWidth - document.documentElement.clientWidth

/** Text whose contrast with what is behind it is below 4.5 (WCAG 2.2, success criterion 1.4.3), and how many texts were looked at. */
export function contrastFaults(): { readonly faults: Fault[]; readonly texts: number } {
  type Colour = readonly [red: number, green: number, blue: number, alpha: number]
  const parse = (text: string): Colour => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number)
    return [red, green, blue, alpha]
  }
  const over = ([red, green, blue, alpha]: Colour, [r, g, b]: Colour): Colour => [
    red * alpha + r * (1 - alpha),
    green * alpha + g * (1 - alpha),
    blue * alpha + b * (1 - alpha),
    1,
  ]
  /** WCAG 2.2, "relative luminance". */
  const luminance = ([red, green, blue]: Colour): number => {
    const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    )
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one: Colour, other: Colour): number => {
    const [light, dark] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
    return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05)
  }
  const lineage = (element: Element): Element[] => {
    const parent = element.parentElement
    return parent === null ? [element] : [...lineage(parent), element]
  }
  /** What is behind a page that paints no background of its own. */
  const canvas = ((): Colour => {
    const probe = document.documentElement.appendChild(document.createElement('div'))
    probe.style.backgroundColor = 'Canvas'
    const colour = parse(getComputedStyle(probe).backgroundColor)
    probe.remove()
    return colour
  })()
  /** What a watermark leaves of the paper under a letter. */
  const mark = [...document.querySelectorAll('.watermark')].find(
    (element) => getComputedStyle(element).display !== 'none',
  )
  const faults: Fault[] = []
  let texts = 0
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement
    const text = node.textContent?.trim() ?? ''
    if (element === null || text === '' || element.closest('title, desc, style, .watermark') !== null) continue
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
    const line = lineage(element)
    const paper = line.reduce<Colour>((below, one) => over(parse(getComputedStyle(one).backgroundColor), below), canvas)
    const marked = mark === undefined ? paper : over(parse(getComputedStyle(mark).color), paper)
    const opacity = line.reduce((product, one) => product * Number(getComputedStyle(one).opacity), 1)
    const { color, fill } = getComputedStyle(element)
    const [red, green, blue, alpha] = parse(element instanceof SVGElement ? fill : color)
    texts += 1
    for (const behind of [paper, marked]) {
      const ratio = contrast(over([red, green, blue, alpha * opacity], behind), behind)
      if (ratio < 4.5) faults.push({ where: text.slice(0, 40), what: `contrast ${ratio.toFixed(2)}` })
    }
  }
  return { faults, texts }
}

/** Headings in document order, as their levels. */
export const headingLevels = (): number[] =>
  [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(({ localName }) => Number(localName.slice(1)))

/** Drawings that a page of paper would cut: taller than it or wider, or allowed to break. */
export function cutDrawings(paper: { readonly width: number; readonly height: number }): Fault[] {
  return [...document.querySelectorAll('svg[role=img]')].flatMap((drawing) => {
    const { right, width, height } = drawing.getBoundingClientRect()
    const { breakInside } = getComputedStyle(drawing)
    const fits = right <= paper.width + 1 && width > 0 && height <= paper.height
    if (fits && breakInside === 'avoid') return []
    return [{ where: drawing.querySelector('title')?.textContent ?? '', what: `${width} × ${height}, ${breakInside}` }]
  })
}

/** A name out of a file, as far as a person wants to see it. */
export const shown = (name: string): string => (name.length > 60 ? `${name.slice(0, 60)}…` : name)

/** How a trainer's process tells that something was denied to it. */

/** What lockdown.ts denies by itself; the others are named by Node's permission model. */
export const deniedKinds = { module: 'Module', signal: 'Signal' } as const

/** A line of its own, wherever the process was in its sentence. */
export const deniedLine = (kind: string): string => `\nwardround-denied ${kind}\n`

/** The kind in what a process wrote, if it was ended for it. */
export const deniedIn = (text: string): string | undefined => /^wardround-denied ([A-Za-z]{1,30})$/m.exec(text)?.[1]

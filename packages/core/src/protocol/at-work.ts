/**
 * What a site is at work on while it asks: it gets a task of another study, and hears which of these are open no more. A header says it: an older coordinator does not listen, and
 * gives what it would give anyway; an older site says nothing, and hears nothing.
 */

export const atWorkHeader = 'wardround-at-work'

/** Tasks at the same time. */
export const mostAtOnce = 16

export type AtWork = {
  /** So many more it would take. */
  readonly room: number
  /** Their ids. */
  readonly tasks: readonly string[]
}

export const atWorkText = ({ room, tasks }: AtWork): string => [room, ...tasks].join(' ')

/** The room, and one to sixteen ids. */
const form = /^\d{1,2}(?: [a-z0-9-]{1,160}){1,16}$/

/** undefined for any other text. */
export function atWorkIn(text: string): AtWork | undefined {
  if (!form.test(text)) return undefined
  const [room = '', ...tasks] = text.split(' ')
  return { room: Number(room), tasks }
}

/**
 * Weights that travel with the task that names them, where they are small: a request less for each site and round. A site says with a header that it
 * takes them, and which it has: one of an older version says nothing, and asks for them by their name; an older coordinator does not listen.
 */
import { z } from 'zod'

/** The digest of the weights that a site has, or `none`. */
export const holdsHeader = 'wardround-holds'
export const holdsNone = 'none'

export const enclosedLimitBytes = 1 << 16

/** Base64 (RFC 4648, section 4). What it is, its digest says: whatever is not what the task names is of no use. */
export const enclosedSchema = z.string().max(4 * Math.ceil(enclosedLimitBytes / 3))

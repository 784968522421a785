/** The digest that everything here is named and held against by. */
import { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of a text's UTF-8, as 64 hexadecimal digits. At platform speed; core's sha256Hex() is for platforms without it. */
export const sha256Of = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

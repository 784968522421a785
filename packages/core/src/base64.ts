/** base64url without padding (RFC 4648 §5), by the platform's own coder. */
const alphabet = /^[A-Za-z0-9_-]*$/

export const base64urlnopad = {
  encode: (bytes: Uint8Array): string => bytes.toBase64({ alphabet: 'base64url', omitPadding: true }),

  /** The bytes, or undefined where `text` is not their one base64url form (unused bits must be zero). */
  tryDecode: (text: string): Uint8Array<ArrayBuffer> | undefined => {
    if (!alphabet.test(text) || text.length % 4 === 1) return undefined
    const bytes = Uint8Array.fromBase64(text, { alphabet: 'base64url' })
    return base64urlnopad.encode(bytes) === text ? bytes : undefined
  },
} as const

/** Text out of a file as a terminal may show it: control characters, which could move the cursor or colour what follows, become a mark. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd')

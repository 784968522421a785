/** How V8 counts what is not on its heap. */
import { setFlagsFromString } from 'node:v8'

/**
 * Buffers count towards one limit with the heap. By default V8 marks the whole heap anew for each 64 MiB of buffers since the last time: a round of large
 * models, whose bytes pass through in pieces that are dead at once, spends much of its processor time on that (decision 0029). Call it before buffers are made.
 */
export const countBuffersWithHeap = (): void => setFlagsFromString('--external-memory-accounted-in-global-limit')

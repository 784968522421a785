/** What a trainer's process gives up once everything is loaded, before it has read a word of what somebody sends. */
import { flushCompileCache } from 'node:module'

/** It needs no file but the one that is open, and no native code and no threads but those that are there. Nothing of it can be had back. */
export function giveUpRights(): void {
  // The next process need not compile again.
  flushCompileCache()
  process.permission.drop('fs')
  process.permission.drop('addon')
  process.permission.drop('worker')
  process.permission.drop('inspector')
}

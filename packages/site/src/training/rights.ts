/** What a trainer's process gives up once everything is loaded: it needs no file but the one that is open, and no native code but what is there. It cannot be had back. */
export function giveUpRights(): void {
  process.permission.drop('fs')
  process.permission.drop('addon')
}

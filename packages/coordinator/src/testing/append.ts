import type { BlobStore } from '../blobs/blob-store.ts'

/** Adds one piece to an upload, as somebody who has no more. */
export const appendTo =
  ({ staged }: { readonly staged: Pick<BlobStore['staged'], 'open'> }, name: string) =>
  async (offset: number, piece: Uint8Array): Promise<number> => {
    const adding = await staged.open(name)
    return adding.append(offset, piece).finally(() => adding.close())
  }

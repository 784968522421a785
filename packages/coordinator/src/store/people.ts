/** Queries on who there is: sites, their join tokens, accounts. */
import type { Insertable, Kysely, Updateable } from 'kysely'
import { prepared } from './prepared.ts'
import type { Database, SiteRow } from './schema.ts'

const siteByName = prepared((db: Kysely<Database>, { name }: { name: string }) =>
  db.selectFrom('sites').selectAll().where('name', '=', name),
)
const allSites = prepared((db: Kysely<Database>) => db.selectFrom('sites').selectAll().orderBy('name'))
const allAccounts = prepared((db: Kysely<Database>) => db.selectFrom('accounts').selectAll())

export const people = (db: Kysely<Database>) => ({
  site: async (name: string): Promise<SiteRow | undefined> => (await siteByName(db, { name })).rows[0],
  sites: async (): Promise<SiteRow[]> => (await allSites(db, {})).rows,
  /** A site that left may come back under its name, with a new key. */
  putSite: async (row: SiteRow): Promise<void> => {
    const { name, ...rest } = row
    await db
      .insertInto('sites')
      .values(row)
      .onConflict((conflict) => conflict.column('name').doUpdateSet(rest))
      .execute()
  },
  updateSite: async (name: string, change: Updateable<SiteRow>): Promise<void> => {
    await db.updateTable('sites').set(change).where('name', '=', name).execute()
  },
  token: (secretSha256: string) =>
    db.selectFrom('tokens').selectAll().where('secret_sha256', '=', secretSha256).executeTakeFirst(),
  addToken: async (row: Insertable<Database['tokens']>): Promise<void> => {
    await db.insertInto('tokens').values(row).execute()
  },
  /** Whether the token was still unused. */
  useToken: async (secretSha256: string, usedAt: number): Promise<boolean> => {
    const result = await db
      .updateTable('tokens')
      .set({ used_at: usedAt })
      .where('secret_sha256', '=', secretSha256)
      .where('used_at', 'is', null)
      .executeTakeFirst()
    return result.numUpdatedRows === 1n
  },
  /** Nobody can join with those that are open. Returns how many there were. */
  useTokens: async (usedAt: number): Promise<number> => {
    const change = db.updateTable('tokens').set({ used_at: usedAt }).where('used_at', 'is', null)
    return Number((await change.executeTakeFirst()).numUpdatedRows)
  },
  accounts: async () => (await allAccounts(db, {})).rows,
  addAccount: async (row: Insertable<Database['accounts']>): Promise<void> => {
    await db.insertInto('accounts').values(row).execute()
  },
})

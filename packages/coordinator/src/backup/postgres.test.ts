/** One server for both: what leaves a coordinator as files, and comes back. */
import { after } from 'node:test'
import { archiveSuite } from '../archive/archive.suite.ts'
import { openStore } from '../store/store.ts'
import { startTestPostgres } from '../testing/postgres.ts'
import { backupSuite } from './backup.suite.ts'

const postgres = await startTestPostgres()
after(() => postgres.stop())

const open = async () => openStore({ kind: 'postgres', url: await postgres.fresh() }, () => '2026-01-01T00:00:00.000Z')
archiveSuite('PostgreSQL', open)
backupSuite('PostgreSQL to SQLite', { from: postgres.fresh, to: async () => 'sqlite' })
backupSuite('SQLite to PostgreSQL', { from: async () => 'sqlite', to: postgres.fresh })

import { after } from 'node:test'
import { startTestPostgres } from '../testing/postgres.ts'
import { backupSuite } from './backup.suite.ts'

const postgres = await startTestPostgres()
after(() => postgres.stop())

backupSuite('PostgreSQL to SQLite', { from: postgres.fresh, to: async () => 'sqlite' })
backupSuite('SQLite to PostgreSQL', { from: async () => 'sqlite', to: postgres.fresh })

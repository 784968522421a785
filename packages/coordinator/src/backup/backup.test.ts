import { backupSuite } from './backup.suite.ts'

backupSuite('SQLite', { from: async () => 'sqlite', to: async () => 'sqlite' })

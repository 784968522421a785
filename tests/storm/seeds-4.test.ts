import { seedsSuite } from './seeds.suite.ts'

seedsSuite(151, 50)

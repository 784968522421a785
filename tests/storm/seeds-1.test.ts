import { seedsSuite } from './seeds.suite.ts'

seedsSuite(1, 50)

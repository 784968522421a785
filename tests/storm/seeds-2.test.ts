import { seedsSuite } from './seeds.suite.ts'

seedsSuite(51, 50)

import { blobSuite } from './blob-store.suite.ts'
import { memoryBlobs } from './memory.ts'

blobSuite('memory', async () => memoryBlobs())

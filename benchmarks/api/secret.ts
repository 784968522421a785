/** Prints the bearer secret in an access file. Argument: the file. */
import { readFileSync } from 'node:fs'
import { decodeToken } from '@wardround/core/protocol/token.ts'

process.stdout.write(`${decodeToken('access', readFileSync(process.argv[2] ?? '', 'utf8')).secret}\n`)

import { testAttack } from '../attack/attack.ts'
import { blobs } from '../attack/blobs.ts'

testAttack(blobs)

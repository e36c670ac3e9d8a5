import { testAttack } from '../attack/attack.ts'
import { hostileDatabase } from '../attack/database.ts'

testAttack(hostileDatabase)

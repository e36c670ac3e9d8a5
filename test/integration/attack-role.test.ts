import { testAttack } from '../attack/attack.ts'
import { roleAttack } from '../attack/role.ts'

testAttack(roleAttack)

import { testAttack } from '../attack/attack.ts'
import { texts } from '../attack/texts.ts'

testAttack(texts)

import { testAttack } from '../attack/attack.ts'
import { peerAttack } from '../attack/peer.ts'

testAttack(peerAttack)

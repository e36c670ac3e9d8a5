import type { Logger } from '../log.ts'
import { MessageTrace } from '../protocol/trace.ts'

/** The messages of one of a session's connections, as lines of its log. */
export interface ConnectionTrace {
  readonly received: MessageTrace
  readonly sent: MessageTrace
}

/** Undefined where nobody looks: a connection then has nothing to tell. */
export function traceConnection(log: Logger, peer: 'client' | 'backend'): ConnectionTrace | undefined {
  if (!log.isLevelEnabled('trace')) return undefined
  const [theirs, ours] = peer === 'client' ? (['F', 'B'] as const) : (['B', 'F'] as const)
  return {
    received: new MessageTrace(theirs, message => log.trace({ peer, ...message }, 'received')),
    sent: new MessageTrace(ours, message => log.trace({ peer, ...message }, 'sent')),
  }
}

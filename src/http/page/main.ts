import type { AboutView, Activity } from '../api.ts'
import { showBlobs } from './blobs.ts'
import { byId, setText } from './elements.ts'
import { offerChecks, showAccounts } from './lookups.ts'
import { get } from './requests.ts'
import { showSessions } from './sessions.ts'
import { showFinished, showLive } from './transfers.ts'

const RETRY_MS = 3000

function say(words: string, className: string): void {
  const state = byId('state')
  setText(state, words)
  state.className = className
}

/** A browser tries again by itself, but for where it was refused. */
function listen(): void {
  const events = new EventSource('/api/events')
  events.addEventListener('activity', ({ data }: MessageEvent<string>) => {
    const activity: Activity = JSON.parse(data)
    say(activity.isDraining ? 'shutting down' : 'running', activity.isDraining ? 'bad' : 'good')
    showLive(activity)
    showSessions(activity)
    if (activity.finished) showFinished(activity.finished)
  })
  events.addEventListener('error', () => {
    say('not connected', 'bad')
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS)
  })
}

listen()
offerChecks()
void showAccounts()
const { version, hasBlobs } = await get<AboutView>('/api/about')
setText(byId('version'), version)
if (hasBlobs) await showBlobs()

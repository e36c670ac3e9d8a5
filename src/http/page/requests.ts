import type { FailureView } from '../api.ts'

const token = document.querySelector<HTMLMetaElement>('meta[name=token]')?.content ?? ''

/** @throws Error with words for a person */
export async function get<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
  const parameters = new URLSearchParams(query).toString()
  return answer(await reached(fetch(parameters ? `${path}?${parameters}` : path)))
}

/** Has something done. @throws Error with words for a person */
export async function post(path: string): Promise<void> {
  await answer(await reached(fetch(path, { method: 'POST', headers: { 'X-Blobgres-Token': token } })))
}

async function reached(response: Promise<Response>): Promise<Response> {
  return response.catch(() => {
    throw new Error('the proxy cannot be reached')
  })
}

async function answer<T>(response: Response): Promise<T> {
  const content = (await response.json()) as T | FailureView
  if (!response.ok) throw new Error((content as FailureView).error)
  return content as T
}

import { element } from './elements.ts'

/** A text to be taken elsewhere. */
export function copyable(title: string, text: string): HTMLElement {
  const code = element('pre', { tabindex: '0' }, text)
  const button = element('button', { type: 'button' }, 'Copy')
  button.addEventListener('click', async () => {
    await copy(text, code)
    button.textContent = 'Copied'
    setTimeout(() => {
      button.textContent = 'Copy'
    }, 2000)
  })
  return element('figure', { class: 'copyable' }, element('figcaption', {}, title, ' ', button), code)
}

/** Browsers have a clipboard for pages of this machine alone; elsewhere the text is marked. */
async function copy(text: string, code: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    getSelection()?.selectAllChildren(code)
    document.execCommand('copy')
  }
}

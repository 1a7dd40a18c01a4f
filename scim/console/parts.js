// The small parts that pages are made of. Whatever comes from a client is a text node, in a direction of its own.
import { h, Component } from './vendor/preact.mjs'
import htm from './vendor/htm.module.js'
import { fromNow, moment } from './format.js'
import { say, texts } from './texts.js'

export const html = htm.bind(h)
export { Component }

// A text of ours, or of docs/errors.md: `code` and *a name in Entra's pages*.
export function Rich({ text }) {
  const pieces = text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)/)
  return pieces.map((each) => {
    if (each.startsWith('`')) return html`<code>${each.slice(1, -1)}</code>`
    if (each.startsWith('**')) return html`<strong>${each.slice(2, -2)}</strong>`
    return each.startsWith('*') ? html`<em>${each.slice(1, -1)}</em>` : each
  })
}

// A text that somebody else wrote.
export const Foreign = ({ text }) => html`<bdi class="foreign">${text}</bdi>`

export function Time({ at }) {
  if (!at) return texts.never
  return html`<time datetime=${at} title=${moment(at)}>${fromNow(at)}</time>`
}

export const Status = ({ code }) => html`<span class=${`status ${code >= 500 ? 'bad' : code >= 400 ? 'warn' : 'good'}`}>${code}</span>`

export const Notice = ({ level, children }) => html`<p class=${`notice ${level}`}><${Sign} level=${level} /><span>${children}</span></p>`

const SIGNS = { good: 'M4 10.500l4 4 8-9', warn: 'M10 3.500L18 17H2zM10 8.500v4M10 14.800v.2', bad: 'M5 5l10 10M15 5L5 15' }

// The sign beside a text that says the same.
export function Sign({ level }) {
  return html`<svg class=${`sign ${level}`} viewBox="0 0 20 20" aria-hidden="true"><path d=${SIGNS[level]} /></svg>`
}

export function Failure({ problem, again }) {
  const detail = problem.status === 0 ? say(texts.problem.network, { address: new URL('health', document.baseURI).href }) : problem.message
  return html`<div role="alert" class="notice bad"><${Sign} level="bad" />
    <span><strong>${texts.problem.heading}${problem.status ? ` (${problem.status})` : ''}.</strong> <${Foreign} text=${detail} />
    ${again && html` <button type="button" class="small" onClick=${again}>${texts.problem.again}</button>`}</span></div>`
}

export class Copy extends Component {
  copy = async () => {
    await navigator.clipboard.writeText(this.props.text)
    this.setState({ done: true })
    setTimeout(() => this.setState({ done: false }), 2_000)
  }

  render({ label }, { done }) {
    return html`<button type="button" class="small" onClick=${this.copy} aria-label=${label && `${texts.copy}: ${label}`}>
      ${done ? texts.copied : texts.copy}</button>`
  }
}

// A table that scrolls by itself where the screen is narrow.
export function Table({ label, head, rows }) {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table>
    <thead><tr>${head.map((each) => html`<th scope="col">${each}</th>`)}</tr></thead>
    <tbody>${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
  </table></div>`
}

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

// What a path answers, asked for once and after each change: children get it, and what asks again.
export class Loaded extends Component {
  state = {}

  componentDidMount() {
    this.load()
  }

  load = async () => {
    try {
      const { body } = await this.props.api.get(this.props.path)
      this.setState({ body, problem: null })
    } catch (problem) {
      this.setState({ problem })
    }
  }

  render({ children }, { body, problem }) {
    if (problem) return html`<${Failure} problem=${problem} again=${this.load} />`
    return body ? children(body, this.load) : html`<p aria-busy="true">${texts.loading}</p>`
  }
}

// A button that does something at the service. With `sure` it asks before; what went wrong, or `run` tells, is shown.
export class Action extends Component {
  state = {}

  run = async () => {
    this.setState({ asking: false, busy: true, problem: null, told: '' })
    try {
      this.setState({ told: await this.props.run() })
    } catch (problem) {
      this.setState({ problem })
    }
    this.setState({ busy: false })
  }

  render({ label, about, sure, hint }, { asking, busy, problem, told }) {
    return html`<span class="action"><button type="button" class="small" title=${hint} aria-label=${about && `${label}: ${about}`} aria-busy=${busy ? 'true' : undefined} disabled=${busy}
        onClick=${sure ? () => this.setState({ asking: true }) : this.run}>${label}</button>
      ${asking && html`<${Dialog} heading=${label} close=${() => this.setState({ asking: false })}><p><${Foreign} text=${sure} /></p>
        <footer><button type="button" class="small" onClick=${() => this.setState({ asking: false })}>${texts.cancel}</button>
        <button type="button" class="small danger" onClick=${this.run}>${label}</button></footer><//>`}
      ${told && html`<span role="status" class="told"><${Foreign} text=${told} /></span>`}
      ${problem && html`<${Failure} problem=${problem} />`}</span>`
  }
}

export class Dialog extends Component {
  host = { current: null }

  componentDidMount() {
    this.host.current.showModal()
  }

  componentWillUnmount() {
    this.host.current.close() // which gives the focus back to what had it before
  }

  // The browser closes it with Escape: at the second one also where the first was refused.
  closed = () => {
    if (!this.host.current) return
    if (this.props.keep) this.host.current.showModal() // what is shown once is not lost by a key pressed by mistake
    else this.props.close()
  }

  render({ heading, children }) {
    return html`<dialog ref=${this.host} aria-label=${heading} onClose=${this.closed}><article><h2>${heading}</h2>${children}</article></dialog>`
  }
}

// A form that creates something: `send` gets its fields, and what goes wrong is shown below them.
export class Form extends Component {
  state = {}

  sent = async (event) => {
    event.preventDefault()
    const form = event.target
    this.setState({ busy: true, problem: null })
    try {
      await this.props.send(new FormData(form))
      form.reset()
    } catch (problem) {
      this.setState({ problem })
    }
    this.setState({ busy: false })
  }

  render({ children, label, name }, { busy, problem }) {
    return html`<form class="filters make" onSubmit=${this.sent} aria-label=${name}>${children}
      <div class="buttons"><button type="submit" aria-busy=${busy ? 'true' : undefined}>${label}</button></div>
      ${problem && html`<${Failure} problem=${problem} />`}</form>`
  }
}

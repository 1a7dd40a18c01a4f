// What the identity provider sent: whole requests and answers, kept for a while because somebody asked for it.
import { milliseconds, moment, number } from './format.js'
import { Action, Component, Foreign, Form, html, Loaded, Status, Time } from './parts.js'
import { saved } from './save.js'
import { say, texts } from './texts.js'

const words = texts.capture

export class Capture extends Component {
  render({ api, route }, { open }) {
    const path = `tenants/${encodeURIComponent(route.tenant)}/capture`
    return html`<details class="panel" onToggle=${(event) => this.setState({ open: event.target.open })}><summary>${words.heading}</summary>
      ${open && html`<p class="muted">${words.hint}</p><${Loaded} api=${api} path=${path}>${(body, again) => html`<${Kept} ...${body} api=${api} path=${path} again=${again} />`}<//>`}</details>`
  }
}

function Kept({ capture, exchanges, api, path, again }) {
  const start = async (fields) => {
    await api.send('POST', path, { minutes: Number(fields.get('minutes')), values: fields.get('plain') === 'on' ? 'plain' : 'masked' })
    again()
  }
  const stop = async () => {
    await api.send('DELETE', path)
    again()
  }
  const download = async () => {
    const { content, name } = await api.file(`${path}/download`)
    saved(content, name)
  }
  const state = capture && say(capture.running ? words.running : words.over, { taken: number(capture.taken), requests: number(capture.requests), until: moment(capture.until) })
  return html`${state && html`<p>${state}</p>`}
    ${capture?.running ? html`<p class="actions"><${Action} label=${words.stop} run=${stop} /> <button type="button" class="small" onClick=${again}>${words.again}</button></p>` : html`<${Form} send=${start} label=${words.start} name=${words.heading}>
      <label>${words.minutes}<input name="minutes" type="number" min="1" max="60" value="15" required /></label>
      <label class="tick"><input name="plain" type="checkbox" />${words.plain}</label><//>`}
    ${exchanges.length > 0 && html`<ol class="log" aria-label=${words.list}>${exchanges.map((each) => html`<${Exchange} key=${each.id} exchange=${each} api=${api} path=${path} />`)}</ol>
      <p class="actions"><${Action} label=${words.download} run=${download} /></p>`}`
}

class Exchange extends Component {
  render({ exchange, api, path }, { open }) {
    return html`<li><details onToggle=${(event) => this.setState({ open: event.target.open })}>
      <summary><${Time} at=${exchange.time} /><span><${Status} code=${exchange.status} /></span><span>${exchange.method}</span><span class="who"><${Foreign} text=${exchange.target} /></span><span class="why">${milliseconds(exchange.milliseconds)}</span></summary>
      ${open && html`<div class="detail"><${Loaded} api=${api} path=${`${path}/exchanges/${encodeURIComponent(exchange.id)}`}>${(whole) => html`<${Message} heading=${words.request} message=${whole.request} /><${Message} heading=${words.answer} message=${whole.answer} />`}<//></div>`}
    </details></li>`
  }
}

function Message({ heading, message }) {
  if (!message) return null
  const head = Object.entries(message.headers || {}).map(([name, value]) => `${name}: ${value}`)
  return html`<section><h2>${heading}</h2><pre tabindex="0" aria-label=${heading}>${[...head, '', message.body].join('\n')}</pre></section>`
}

// The streams of security events of a tenant: how far each receiver is, and what it has lost.
import { fromNow, number } from './format.js'
import { Action, Copy, Foreign, Form, html, Loaded, Time } from './parts.js'
import { say, texts } from './texts.js'

const words = texts.streams

export function Streams({ api, path, show }) {
  const below = `${path}/streams`
  return html`<section class="gap"><h2>${words.heading}</h2><${Loaded} api=${api} path=${below}>${({ streams }, again) => {
    const create = async (fields) => {
      const types = fields.get('types').split(/[\s,]+/).filter(Boolean)
      const made = await api.send('POST', below, { types })
      again()
      show({ heading: words.made, made })
    }
    return html`${streams.length === 0 && html`<p class="muted">${words.none}</p>`}
      ${streams.map((each) => html`<${One} key=${each.id} stream=${each} api=${api} path=${`${below}/${encodeURIComponent(each.id)}`} again=${again} />`)}
      <h3>${words.create}</h3><p class="muted">${words.createHint}</p><${Form} send=${create} label=${texts.customers.create} name=${words.create}>
        <label>${words.types}<input name="types" placeholder=${texts.customers.typesHint} /></label><//>`
  }}<//></section>`
}

function One({ stream, api, path, again }) {
  const restart = async () => {
    await api.send('POST', `${path}/restart`)
    again()
  }
  const remove = async () => {
    await api.send('DELETE', path)
    again()
  }
  const { waiting, dropped, refused, lastError } = stream
  return html`<article class="hook"><h3><${Foreign} text=${stream.url} /> <${Copy} text=${stream.url} label=${words.url} /></h3>
    <dl class="facts">
      <div><dt>${words.waiting}</dt><dd>${waiting ? say(words.behind, { n: number(waiting), count: waiting }) : texts.customers.upToDate}</dd></div>
      <div><dt>${words.acknowledged}</dt><dd>${say(stream.lastAcknowledged ? words.upTo : words.nothing, { n: number(stream.acknowledgedUpTo), when: stream.lastAcknowledged && fromNow(stream.lastAcknowledged) })}</dd></div>
      <div><dt>${words.dropped}</dt><dd><span class=${`status ${dropped ? 'warn' : 'good'}`}>${number(dropped)}</span> ${dropped > 0 && words.droppedHint}</dd></div>
      ${refused > 0 && html`<div><dt>${words.refused}</dt><dd><span class="status warn">${number(refused)}</span> <${Foreign} text=${lastError} /></dd></div>`}
      <div><dt>${words.types}</dt><dd>${stream.types.length ? stream.types.join(', ') : texts.customers.allTypes}</dd></div>
      <div><dt>${words.credential}</dt><dd><code>${stream.credential}</code></dd></div>
      <div><dt>${words.created}</dt><dd><${Time} at=${stream.created} /></dd></div></dl>
    <p class="actions"><${Action} label=${words.restart} about=${stream.url} sure=${words.restartSure} run=${restart} />
      <${Action} label=${words.delete} about=${stream.url} sure=${say(words.deleteSure, { url: stream.url })} run=${remove} /></p></article>`
}

// The webhooks of a tenant: how far behind each is, what failed last; tested, replayed, made.
import { milliseconds, number, span } from './format.js'
import { Action, Foreign, Form, html, Loaded, Time } from './parts.js'
import { say, texts } from './texts.js'

const words = texts.customers

export function Webhooks({ api, path, show }) {
  const below = `${path}/webhooks`
  return html`<section class="gap"><h2>${words.webhooks}</h2><${Loaded} api=${api} path=${below}>${({ webhooks }, again) => {
    const create = async (fields) => {
      const types = fields.get('types').split(/[\s,]+/).filter(Boolean)
      const made = await api.send('POST', below, { url: fields.get('url').trim(), types })
      again()
      show({ heading: words.madeWebhook, made })
    }
    return html`${webhooks.length === 0 && html`<p class="muted">${words.noWebhooks}</p>`}
      ${webhooks.map((each) => html`<${Loaded} key=${each.id} api=${api} path=${`${below}/${encodeURIComponent(each.id)}`}>${(webhook, reload) => html`<${One} webhook=${webhook} api=${api} path=${`${below}/${encodeURIComponent(each.id)}`} show=${show} reload=${reload} gone=${again} />`}<//>`)}
      <h3>${words.newWebhook}</h3><p class="muted">${words.newWebhookHint}</p><${Form} send=${create} label=${words.create} name=${words.newWebhook}>
        <label>${words.url}<input name="url" type="url" required placeholder="https://" /></label>
        <label>${words.types}<input name="types" placeholder=${words.typesHint} /></label><//>`
  }}<//></section>`
}

function One({ webhook, api, path, show, reload, gone }) {
  const act = (name) => async () => {
    await api.send('POST', `${path}/${name}`)
    reload()
  }
  const test = async () => {
    const { ok, status, error, milliseconds: took } = await api.send('POST', `${path}/test`)
    return ok ? say(words.hookOk, { status, time: milliseconds(took) }) : say(words.hookBad, { error })
  }
  const rotate = async () => {
    const made = await api.send('POST', `${path}/rotate`)
    show({ heading: words.rotateHook, made })
    reload()
  }
  const remove = async () => {
    await api.send('DELETE', path)
    gone()
  }
  const { lag } = webhook
  const behind = !lag ? words.tooOld : lag.events ? say(words.behind, { n: number(lag.events), count: lag.events, span: span(lag.seconds) }) : words.upToDate
  return html`<article class="hook"><h3><${Foreign} text=${webhook.url} /></h3>
    <dl class="facts">
      <div><dt>${words.state}</dt><dd><span class=${`status ${webhook.enabled ? 'good' : 'warn'}`}>${webhook.enabled ? words.enabled : say(words.disabled, { why: webhook.whyDisabled })}</span> ${behind}${webhook.skipped ? `, ${say(words.skipped, { n: number(webhook.skipped) })}` : ''}</dd></div>
      ${webhook.issuer && html`<div><dt>${words.form}</dt><dd>${words.tokens}${webhook.sessionRevoked ? `, ${say(words.sessionRevoked, { subject: webhook.sessionRevoked })}` : ''}</dd></div>`}
      <div><dt>${words.types}</dt><dd>${webhook.types.length ? webhook.types.join(', ') : words.allTypes}</dd></div>
      <div><dt>${words.lastSuccess}</dt><dd><${Time} at=${webhook.lastSuccess} /></dd></div>
      ${webhook.lastError && html`<div><dt>${words.lastError}</dt><dd><${Foreign} text=${webhook.lastError} /> <${Time} at=${webhook.lastFailure} /></dd></div>`}</dl>
    <p class="actions"><${Action} label=${words.testHook} about=${webhook.url} run=${test} />
      ${webhook.skipped > 0 && html`<${Action} label=${words.replay} about=${webhook.url} run=${act('replay')} />`}
      <${Action} label=${webhook.enabled ? words.disable : words.enable} about=${webhook.url} run=${act(webhook.enabled ? 'disable' : 'enable')} />
      ${!webhook.issuer && html`<${Action} label=${words.rotateHook} about=${webhook.url} run=${rotate} />`}
      <${Action} label=${words.deleteHook} about=${webhook.url} sure=${say(words.deleteSure, { url: webhook.url })} run=${remove} /></p></article>`
}

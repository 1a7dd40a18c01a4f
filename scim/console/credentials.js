// The credentials of a tenant: made, rotated, revoked.
import { day } from './format.js'
import { Action, Foreign, Form, html, Loaded, Table, Time } from './parts.js'
import { say, texts } from './texts.js'

const words = texts.customers
const DELEGATED = ['read', 'events'] // what a tenant's own administrator may make and end

export function Credentials({ api, path, operator, tenant, show }) {
  const below = `${path}/credentials`
  return html`<section class="gap"><h2>${words.credentials}</h2><${Loaded} api=${api} path=${below}>${({ credentials }, again) => {
    const create = async (fields) => {
      const wanted = { name: fields.get('name').trim(), scope: fields.get('scope'), oauth: fields.get('oauth') === 'on' }
      if (fields.get('expires')) wanted.expires = fields.get('expires')
      told(await api.send('POST', below, wanted))
    }
    const told = (made) => {
      again()
      show({ heading: say(words.madeCredential, { name: made.name }), made: { ...made, tenantUrl: made.scope === 'provision' ? tenant.tenantUrl : '' }, tenantKey: made.scope === 'provision' && tenant.key, steps: made.scope === 'provision' && made.kind === 'token' })
    }
    const mine = (each) => operator || DELEGATED.includes(each.scope)
    const actions = (each) => {
      const one = `${below}/${encodeURIComponent(each.id)}`
      if (!mine(each) || each.kind === 'vault') return null // that one is changed where it lies
      if (each.status !== 'active') return html`<${Action} label=${words.remove} about=${each.name} run=${async () => { await api.send('DELETE', one); again() }} />`
      return html`<${Action} label=${words.rotate} about=${each.name} hint=${words.rotateHint} run=${async () => told(await api.send('POST', `${one}/renew`))} />
        <${Action} label=${words.revoke} about=${each.name} sure=${say(words.revokeSure, { name: each.name })} run=${async () => { await api.send('POST', `${one}/revoke`); again() }} />`
    }
    const cells = (each) => [
      html`<${Foreign} text=${each.name} />`,
      each.scope,
      words.kinds[each.kind],
      html`<span class=${`status ${each.status === 'active' ? 'good' : 'warn'}`}>${words.statuses[each.status]}</span>`,
      each.expires ? html`<${Time} at=${each.expires} />` : texts.never,
      each.lastUsed ? day(each.lastUsed) : texts.never,
      actions(each),
    ]
    const head = [words.name, words.scope, words.kind, words.status, words.expires, words.lastUsed, texts.actions]
    const scopes = Object.entries(words.scopes).filter(([scope]) => operator || DELEGATED.includes(scope))
    return html`${credentials.length === 0 ? html`<p class="muted">${texts.none}</p>` : html`<${Table} label=${words.credentials} head=${head} rows=${credentials.map(cells)} />`}
      <h3>${words.newCredential}</h3><${Form} send=${create} label=${words.create} name=${words.newCredential}>
        <label>${words.name}<input name="name" required maxlength="100" /></label>
        <label>${words.scope}<select name="scope">${scopes.map(([scope, text]) => html`<option value=${scope}>${text}</option>`)}</select></label>
        <label>${words.expires}<input name="expires" type="date" title=${words.expiresHint} /></label>
        <label class="tick"><input name="oauth" type="checkbox" />${words.oauth}</label><//>`
  }}<//></section>`
}

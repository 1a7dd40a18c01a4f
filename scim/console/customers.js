// Customers: tenants, how to connect them, and all that lets somebody in.
import { Access } from './access.js'
import { tried } from './api.js'
import { Audit } from './audit.js'
import { Credentials } from './credentials.js'
import { number } from './format.js'
import { Guards } from './guards.js'
import { Action, Component, Copy, Dialog, Foreign, Form, html, Rich, Table, Time } from './parts.js'
import { linkTo } from './route.js'
import { Streams } from './streams.js'
import { nameOf } from './tenant.js'
import { say, texts } from './texts.js'
import { Webhooks } from './webhooks.js'

const words = texts.customers

export class Customers extends Component {
  show = (secrets) => this.setState({ secrets })

  create = async (fields) => {
    const made = await this.props.api.send('POST', 'tenants', { name: fields.get('name').trim() })
    this.props.refresh()
    this.show({ heading: say(words.madeTenant, { name: made.name }), made, tenantKey: made.key, steps: true })
  }

  render({ api, route, tenants, caller, refresh }, { secrets }) {
    const operator = caller?.scope === 'operator'
    const tenant = tenants.find((each) => each.key === route.tenant)
    const path = `tenants/${encodeURIComponent(tenant.key)}`
    const shared = { api, path, operator, tenant, show: this.show }
    return html`
      ${operator && html`<section class="gap"><h2>${words.tenants}</h2>
        <${Tenants} tenants=${tenants} chosen=${tenant} api=${api} refresh=${refresh} />
        <h3>${words.newTenant}</h3><p class="muted">${words.newTenantHint}</p>
        <${Form} send=${this.create} label=${words.create} name=${words.newTenant}><label>${words.name}<input name="name" required maxlength="100" /></label><//></section>`}
      <section class="gap"><h2><${Foreign} text=${nameOf(tenant)} /></h2>
        <h3>${words.connection}</h3>
        <dl class="facts connect"><div><dt>${words.tenantUrl}</dt><dd><code>${tenant.tenantUrl}</code> <${Copy} text=${tenant.tenantUrl} label=${words.tenantUrl} /></dd></div></dl>
        <p class="muted"><${Rich} text=${tenant.key === 'scim' ? words.connectionDefault : words.connectionHint} /></p></section>
      <${Credentials} ...${shared} />
      <${Guards} ...${shared} />
      <${Webhooks} ...${shared} />
      <${Streams} ...${shared} />
      <${Access} ...${shared} />
      <${Audit} ...${shared} />
      ${secrets && html`<${Secrets} ...${secrets} close=${() => this.setState({ secrets: null })} />`}`
  }
}

function Tenants({ tenants, chosen, api, refresh }) {
  const turned = (each, status) => async () => {
    await api.send('PATCH', `tenants/${encodeURIComponent(each.key)}`, { status })
    refresh()
  }
  const cells = (each) => [
    html`<a href=${linkTo(each.key, 'customers')} aria-current=${each === chosen ? 'true' : undefined}><${Foreign} text=${nameOf(each)} /></a>`,
    html`<code>${each.key}</code>`,
    html`<span class=${`status ${each.status === 'active' ? 'good' : 'warn'}`}>${words.statuses[each.status]}</span>`,
    each.created ? html`<${Time} at=${each.created} />` : '–',
    each.seats === undefined ? words.anySeats : number(each.seats),
    each.status === 'active'
      ? html`<${Action} label=${words.suspend} about=${nameOf(each)} sure=${say(words.suspendSure, { name: nameOf(each) })} run=${turned(each, 'suspended')} />`
      : html`<${Action} label=${words.resume} about=${nameOf(each)} run=${turned(each, 'active')} />`,
  ]
  return html`<${Table} label=${words.tenants} head=${[words.name, words.key, words.status, words.created, words.seats, texts.actions]} rows=${tenants.map(cells)} />`
}

// What was just made, with what is secret: shown this once.
function Secrets({ heading, made, tenantKey, steps, close }) {
  const shown = [
    [words.tenantUrl, made.tenantUrl],
    [texts.streams.url, made.jwks && made.url],
    [words.secretToken, made.secretToken],
    [words.clientId, made.clientId],
    [words.clientSecret, made.clientSecret],
    [words.tokenUrl, made.tokenUrl],
    [words.secret, made.secret],
  ].filter(([, value]) => value)
  const test = async () => {
    const { status, detail } = await tried(tenantKey, made.secretToken)
    return say(status === 200 ? words.testOk : words.testBad, { status, detail })
  }
  return html`<${Dialog} heading=${heading} close=${close} keep=${true}>
    <p><strong>${words.once}</strong></p>
    <dl class="secrets">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code> <${Copy} text=${value} label=${name} /></dd></div>`)}</dl>
    ${steps && html`<p><${Rich} text=${words.steps} /></p>`}
    <footer>${tenantKey && made.secretToken && html`<${Action} label=${words.test} run=${test} />`}
      <button type="button" class="small primary" onClick=${close}>${words.done}</button></footer><//>`
}

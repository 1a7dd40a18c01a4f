// The provisioning log: who came, what was answered and why, newest first, a page at a time.
import { Capture } from './capture.js'
import { Explanation } from './explain.js'
import { fromNow, milliseconds, moment, number } from './format.js'
import { Component, Copy, Failure, Foreign, html, Status } from './parts.js'
import { linkTo } from './route.js'
import { saved } from './save.js'
import { nameOf } from './tenant.js'
import { say, texts } from './texts.js'

const words = texts.log
const FILTERS = ['status', 'user', 'text', 'client', 'credential', 'since', 'until']
const MORE = ['client', 'credential', 'since', 'until']
const COUNT = 50
const ALL = 'all'
const MOST_TENANTS = 20 // the service shows those of so many together

const across = (route) => route.query.get('tenant') === ALL
export const logPath = (route) => `${across(route) ? '' : `tenants/${encodeURIComponent(route.tenant)}/`}requests?${asked(route)}`

function asked(route, further = { count: COUNT, cursor: route.query.get('cursor') }) {
  const filters = FILTERS.map((name) => [name, route.query.get(name)])
  return new URLSearchParams([...filters, ...Object.entries(further)].filter(([, value]) => value))
}

export class Log extends Component {
  state = { credentials: [] }

  async componentDidMount() {
    const path = `tenants/${encodeURIComponent(this.props.route.tenant)}/credentials`
    try {
      this.setState({ credentials: (await this.props.api.get(path)).body.credentials })
    } catch {
      // their ids are shown in place of their names
    }
  }

  filter = (event) => {
    event.preventDefault()
    const chosen = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()]))
    for (const name of ['since', 'until']) if (chosen[name]) chosen[name] = new Date(chosen[name]).toISOString()
    const { tenant = this.props.route.tenant, ...filters } = chosen
    if (tenant !== ALL && tenant !== this.props.route.tenant) delete filters.credential // it is of another tenant
    location.hash = tenant === ALL ? linkTo(this.props.route.tenant, 'log', [], { ...filters, tenant }) : linkTo(tenant, 'log', [], filters)
  }

  render({ route, data, api, tenants, caller }, { credentials }) {
    const names = new Map(credentials.map((each) => [each.id, each.name]))
    const filtered = across(route) || FILTERS.some((name) => route.query.get(name))
    const choice = caller?.scope === 'operator' && tenants.length > 1 ? tenants : []
    const rows = data?.requests
    return html`
      <${Filters} key=${`${route.tenant} ${route.query}`} route=${route} choice=${choice} credentials=${credentials} filter=${this.filter} filtered=${filtered} />
      ${!rows && html`<p aria-busy="true">${texts.loading}</p>`}
      ${rows?.length > 0 && html`<${Rows} rows=${rows} names=${names} tenants=${across(route) && tenants} tenant=${route.tenant} />`}
      ${rows?.length === 0 && html`<p class="muted">${data.nextCursor ? words.goesOn : filtered ? words.emptyFiltered : words.empty}</p>`}
      <${Foot} route=${route} next=${data?.nextCursor} api=${api} key=${route.tenant} />
      ${!across(route) && html`<${Capture} route=${route} api=${api} />`}`
  }
}

function Filters({ route, choice, credentials, filter, filtered }) {
  const given = (name) => route.query.get(name) || ''
  const statuses = { '': words.anyStatus, failed: words.failed, '2xx': words.succeeded, '4xx': words.refused, '5xx': words.broken }
  if (given('status') && !statuses[given('status')]) statuses[given('status')] = given('status')
  const tenant = across(route) ? ALL : route.tenant
  // What is typed and not sent yet stays when new rows arrive: fields begin with what the address says, and no more.
  return html`<form class="filters" onSubmit=${filter} aria-label=${words.search}>
    <label>${words.status}<select name="status">${Object.entries(statuses).map(([value, name]) => html`<option value=${value} selected=${value === given('status')}>${name}</option>`)}</select></label>
    ${choice.length > 0 && html`<label>${texts.tenant}<select name="tenant">
      ${choice.length <= MOST_TENANTS && html`<option value=${ALL} selected=${tenant === ALL}>${words.allTenants}</option>`}
      ${choice.map((each) => html`<option value=${each.key} selected=${each.key === tenant}>${nameOf(each)}</option>`)}</select></label>`}
    <label>${words.user}<input name="user" defaultValue=${given('user')} placeholder=${words.userHint} maxlength="200" /></label>
    <label>${words.text}<input name="text" defaultValue=${given('text')} placeholder=${words.textHint} maxlength="200" /></label>
    <div class="buttons"><button type="submit">${words.search}</button>
      ${filtered && html`<a class="small" role="button" href=${linkTo(route.tenant, 'log')}>${words.clear}</a>`}</div>
    <details class="more" open=${MORE.some(given)}><summary>${words.more}</summary><div>
      <label>${words.client}<input name="client" defaultValue=${given('client')} placeholder=${words.clientHint} maxlength="200" /></label>
      <label>${words.credential}<select name="credential"><option value="">${words.anyCredential}</option>
        ${credentials.map((each) => html`<option value=${each.id} selected=${each.id === given('credential')}>${each.name}</option>`)}</select></label>
      <label>${words.since}<input type="datetime-local" name="since" defaultValue=${local(given('since'))} /></label>
      <label>${words.until}<input type="datetime-local" name="until" defaultValue=${local(given('until'))} /></label></div></details>
  </form>`
}

// A time as its field shows it: local, to the minute.
function local(text) {
  if (!text) return ''
  const time = new Date(text)
  return new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

// `tenants` where those of several are shown: then each row tells whose it is.
function Rows({ rows, names, tenants, tenant }) {
  const whose = tenants && new Map(tenants.map((each) => [each.key, nameOf(each)]))
  return html`<div class=${`log-head ${whose ? 'across' : ''}`} aria-hidden="true"><span>${words.when}</span><span>${words.status}</span><span>${words.what}</span><span>${words.who}</span><span>${words.why}</span>${whose && html`<span>${texts.tenant}</span>`}</div>
    <ol class=${`log ${whose ? 'across' : ''}`} aria-label=${words.list}>${rows.map((each) => html`<${Row} key=${`${each.tenant} ${each.requestId} ${each.time} ${each.function} ${each.id}`} request=${each} names=${names} tenant=${whose ? each.tenant : tenant} whose=${whose && (whose.get(each.tenant) || each.tenant)} />`)}</ol>`
}

class Row extends Component {
  render({ request, names, tenant, whose }, { open }) {
    return html`<li><details onToggle=${(event) => this.setState({ open: event.target.open })}>
      <summary>
        <time datetime=${request.time} title=${moment(request.time)}>${fromNow(request.time)}</time>
        <span><${Status} code=${request.status} /></span>
        <span>${action(request.function)}${request.times > 1 && html` <em>${say(words.times, { n: number(request.times) })}</em>`}</span>
        <span class="who">${request.name && html`<${Foreign} text=${request.name} />`}</span>
        <span class="why">${request.testConnection ? words.ofTest : request.detail && html`<${Foreign} text=${request.detail} />`}</span>
        ${whose && html`<span class="whose"><${Foreign} text=${whose} /></span>`}
      </summary>
      ${open && html`<${Detail} request=${request} names=${names} tenant=${tenant} />`}
    </details></li>`
  }
}

// "PatchUser" reads "Patch user".
const action = (name) => name.replace(/\B[A-Z](?![A-Z])/g, (letter) => ` ${letter.toLowerCase()}`)

function Detail({ request, names, tenant }) {
  const facts = [
    [words.when, moment(request.time)],
    [words.detail, request.detail],
    [words.scimType, request.scimType],
    [words.attributes, request.attributes?.join(', ')],
    [words.path, request.path && `${request.method} ${request.path}`],
    [words.id, request.id],
    [words.client, request.client],
    [words.credential, request.credential && (names.get(request.credential) || request.credential)],
    [words.milliseconds, milliseconds(request.milliseconds)],
    [words.storageCalls, number(request.storageCalls)],
  ].filter(([, value]) => value)
  const kind = /Group/.test(request.function) ? 'groups' : /User/.test(request.function) ? 'users' : ''
  return html`<div class="detail">
    ${request.status >= 400 && html`<${Explanation} request=${request} />`}
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd><${Foreign} text=${value} /></dd></div>`)}
      ${request.requestId && html`<div><dt>${words.requestId}</dt><dd><${Foreign} text=${request.requestId} /> <${Copy} text=${request.requestId} label=${words.requestId} /></dd></div>`}</dl>
    ${kind && /^[0-9a-f]{32}$/.test(request.id) && html`<p><a href=${linkTo(tenant, 'directory', [kind, request.id])}>${say(words.history, { name: request.name || request.id })}</a></p>`}
  </div>`
}

class Foot extends Component {
  download = async (format) => {
    const { route, api } = this.props
    const cursor = this.state.next?.[format]
    this.setState({ problem: null })
    try {
      const { content, name, next } = await api.file(`tenants/${encodeURIComponent(route.tenant)}/requests/download?${asked(route, { format, cursor })}`)
      saved(content, name)
      this.setState({ next: { ...this.state.next, [format]: next }, told: next && say(words.downloadPart, { n: number(10_000), format: format.toUpperCase() }) })
    } catch (problem) {
      this.setState({ problem })
    }
  }

  render({ route, next }, { problem, told }) {
    const query = { ...Object.fromEntries(asked(route, {})), ...(across(route) && { tenant: ALL }) }
    return html`<nav class="foot" aria-label=${words.list}>
      ${route.query.get('cursor') && html`<a class="small" role="button" href=${linkTo(route.tenant, 'log', [], query)}>${words.newest}</a>`}
      ${next && html`<a class="small" role="button" href=${linkTo(route.tenant, 'log', [], { ...query, cursor: next })}>${words.older}</a>`}
      ${!across(route) && html`<span class="apart">${words.download} ${['csv', 'json'].map((format) => html`<button type="button" class="small" onClick=${() => this.download(format)}>${format.toUpperCase()}</button>`)}</span>`}
    </nav><p role="status" class="muted">${told}</p>${problem && html`<${Failure} problem=${problem} />`}`
  }
}

// The directory: find a user or group, see its attributes, groups, members and history. Read only.
import { moment, number } from './format.js'
import { Component, Copy, Failure, Foreign, html, Table, Time } from './parts.js'
import { Pager } from './pager.js'
import { linkTo } from './route.js'
import { say, texts } from './texts.js'

const words = texts.directory
const COUNT = 50

const kindOf = (route) => (route.rest[0] === 'groups' ? 'groups' : 'users')
const below = (route) => `tenants/${encodeURIComponent(route.tenant)}`

export function directoryPath(route) {
  const [, id] = route.rest
  if (id) return null // a user or group is asked for in parts, and once
  const asked = new URLSearchParams([['count', COUNT], ...['find', 'cursor'].map((name) => [name, route.query.get(name)])].filter(([, value]) => value))
  return `${below(route)}/${kindOf(route)}?${asked}`
}

export function Directory({ route, data, api }) {
  const [, id] = route.rest
  return id ? html`<${Resource} key=${id} route=${route} api=${api} id=${id} />` : html`<${Found} route=${route} data=${data} />`
}

function Found({ route, data }) {
  const kind = kindOf(route)
  const find = route.query.get('find') || ''
  const listed = data?.[kind]
  const asked = (event) => {
    event.preventDefault()
    location.hash = linkTo(route.tenant, 'directory', [kind], { find: String(new FormData(event.target).get('find')).trim() })
  }
  return html`<nav class="choice" aria-label=${words.kind}>${['users', 'groups'].map((each) => html`<a href=${linkTo(route.tenant, 'directory', [each])} aria-current=${each === kind ? 'true' : undefined}>${words[each]}</a>`)}</nav>
    <form class="filters" aria-label=${`${words.search}: ${words[kind]}`} onSubmit=${asked} key=${`${kind} ${find}`}>
      <label>${words.find}<input name="find" defaultValue=${find} placeholder=${words.findHint} maxlength="200" /></label>
      <div class="buttons"><button type="submit">${words.search}</button></div></form>
    ${!listed ? html`<p aria-busy="true">${texts.loading}</p>` : html`<${List} kind=${kind} listed=${listed} route=${route} />
      ${listed.length === 0 && html`<p class="muted">${data.nextCursor ? words.goesOn : find ? words.noneFound : kind === 'users' ? words.none : words.noneGroups}</p>`}
      <nav class="foot" aria-label=${words[kind]}>
        ${route.query.get('cursor') && html`<a class="small" role="button" href=${linkTo(route.tenant, 'directory', [kind], { find })}>${words.first}</a>`}
        ${data.nextCursor && html`<a class="small" role="button" href=${linkTo(route.tenant, 'directory', [kind], { find, cursor: data.nextCursor })}>${words.more}</a>`}</nav>`}`
}

function List({ kind, listed, route }) {
  if (listed.length === 0) return null
  const link = (each) => html`<a href=${linkTo(route.tenant, 'directory', [kind, each.id])}><${Foreign} text=${nameOf(each)} /></a>`
  const active = (each) => html`<span class=${each.active === false ? 'status off' : ''}>${each.active === false ? words.no : words.yes}</span>`
  const columns = [
    [words.name, link],
    kind === 'users' && listed.some((each) => each.displayName) && [words.displayName, (each) => html`<${Foreign} text=${each.displayName} />`],
    [words.externalId, (each) => html`<${Foreign} text=${each.externalId} />`],
    kind === 'users' && [words.active, active],
    [words.modified, (each) => html`<${Time} at=${each.lastModified} />`],
  ].filter(Boolean)
  const rows = listed.map((each) => columns.map(([, cell]) => cell(each)))
  return html`<section><${Table} label=${words[kind]} head=${columns.map(([name]) => name)} rows=${rows} /></section>`
}

const nameOf = (each) => each.userName || each.displayName || each.id

class Resource extends Component {
  state = {}

  async componentDidMount() {
    const { route, api, id } = this.props
    try {
      this.setState({ resource: (await api.get(`${below(route)}/${kindOf(route)}/${encodeURIComponent(id)}`)).body })
    } catch (problem) {
      this.setState(problem.status === 404 ? { gone: true } : { problem })
    }
  }

  render({ route, api, id }, { resource, gone, problem }) {
    const kind = kindOf(route)
    const path = `${below(route)}/${kind}/${encodeURIComponent(id)}`
    const name = resource ? nameOf(resource) : id
    if (problem) return html`<${Failure} problem=${problem} />`
    if (!resource && !gone) return html`<p aria-busy="true">${texts.loading}</p>`
    return html`<p><a href=${linkTo(route.tenant, 'directory', [kind])}>${words.back}</a></p>
      <h2 class="name"><${Foreign} text=${name} /></h2>
      <p class="muted"><code>${id}</code> <${Copy} text=${id} label="id" /> <a href=${linkTo(route.tenant, 'log', [], { user: id })}>${say(words.inLog, { name: words[kind].toLowerCase().slice(0, -1) })}</a></p>
      ${gone && html`<p>${words.gone}</p>`}
      <div class="columns wide record">
        ${resource && html`<section><h2>${words.attributes}</h2><dl class="facts">${flat(resource).map(([label, value]) => html`<div><dt><${Foreign} text=${label} /></dt><dd><${Foreign} text=${value} /></dd></div>`)}</dl></section>`}
        ${resource && kind === 'groups' && html`<section><h2>${words.members}</h2><${Pager} api=${api} path=${`${path}/members`} name="members" empty=${words.noMembers} label=${words.members}>
          ${(items) => html`<ul class="plain">${items.map((each) => html`<li key=${each.id}><a href=${linkTo(route.tenant, 'directory', [each.type === 'Group' ? 'groups' : 'users', each.id])}><${Foreign} text=${each.name || each.id} /></a></li>`)}</ul>`}<//></section>`}
        ${resource && html`<section><h2>${words.groupsOf}</h2><${Pager} api=${api} path=${`${path}/groups`} name="groups" empty=${words.noGroups} label=${words.groupsOf}>
          ${(items) => html`<ul class="plain">${items.map((each) => html`<li key=${each.id}><a href=${linkTo(route.tenant, 'directory', ['groups', each.id])}><${Foreign} text=${each.name || each.id} /></a></li>`)}</ul>`}<//></section>`}
        <section><h2>${words.history}</h2><${Pager} api=${api} path=${`${path}/history`} name="changes" empty=${words.noHistory} label=${words.history}>
          ${(items) => html`<ol class="plain history">${items.map((each) => html`<li><${Change} change=${each} id=${id} /></li>`)}</ol>`}<//></section>
      </div>`
  }
}

function Change({ change, id }) {
  const told = change.membership
    ? say(words[change.membership], { id: change.id })
    : [
        words.operations[change.operation] || change.operation,
        change.attributes?.join(', '),
        change.membersAdded && say(words.membersAdded, { n: number(change.membersAdded.length), count: change.membersAdded.length }),
        change.membersRemoved && say(words.membersRemoved, { n: number(change.membersRemoved.length), count: change.membersRemoved.length }),
      ].filter(Boolean).join(' · ')
  return html`<span class="muted"><time datetime=${change.time}>${moment(change.time)}</time></span><br />
    <${Foreign} text=${told} />${change.client && html` <span class="muted"><${Foreign} text=${say(words.by, { client: change.client })} /></span>`}`
}

// A resource as lines: "name.givenName", "emails, work".
function flat(value, label = '') {
  if (Array.isArray(value)) return value.flatMap((each) => flat(each, label))
  if (value === null || typeof value !== 'object') return [[label, String(value)]]
  if (value.value !== undefined && typeof value.value !== 'object') return [[[label, value.type].filter(Boolean).join(', '), `${value.value}${value.primary ? ' *' : ''}`]]
  return Object.entries(value).filter(([name]) => name !== 'schemas' && name !== 'id')
    .flatMap(([name, each]) => flat(each, label ? `${label}.${name}` : name.replace(/^urn:.*:/, '')))
}

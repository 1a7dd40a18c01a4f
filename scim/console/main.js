// The page: a credential, a tenant, one of the pages, and one request that all of what is shown is made of.
import { render } from './vendor/preact.mjs'
import { Api } from './api.js'
import { Customers } from './customers.js'
import { Directory, directoryPath } from './directory.js'
import { clock } from './format.js'
import { Log, logPath } from './log.js'
import { Overview, overviewPath } from './overview.js'
import { Component, Failure, Foreign, html } from './parts.js'
import { linkTo, readRoute } from './route.js'
import { SignIn } from './signin.js'
import { nameOf } from './tenant.js'
import { say, texts } from './texts.js'
import { LIVE_FOR, Watch } from './watch.js'

const PAGES = {
  overview: { view: Overview, path: overviewPath },
  log: { view: Log, path: logPath },
  directory: { view: Directory, path: directoryPath },
  customers: { view: Customers, path: () => 'tenants' },
}

class App extends Component {
  state = { route: readRoute(location.hash), told: '', liveUntil: 0 }

  componentDidMount() {
    window.addEventListener('hashchange', () => this.went())
  }

  enter = async (token) => {
    const api = new Api(token)
    this.setState({ busy: true })
    try {
      const { body } = await api.get('tenants')
      this.setState({ api, tenants: body.tenants, caller: body.caller, busy: false, told: '' }, () => this.entered())
    } catch (problem) {
      this.setState({ busy: false, told: refusal(problem) })
    }
  }

  entered() {
    this.went()
    document.getElementById('content').focus() // where the form had the focus there is nothing any more
  }

  leave = (told = '') => {
    this.watch?.stop()
    this.setState({ api: null, tenants: null, data: null, told, liveUntil: 0 })
  }

  // The address changed: another page, other data.
  went() {
    const route = readRoute(location.hash)
    const { api, tenants } = this.state
    if (!api) return this.setState({ route })
    if (!tenants.some((each) => each.key === route.tenant) || !PAGES[route.page]) {
      const known = tenants.find((each) => each.key === route.tenant) || tenants[0]
      return location.replace(linkTo(known.key, 'overview'))
    }
    this.follow(route)
  }

  follow(route) {
    const path = PAGES[route.page].path(route)
    if (path && path === this.watch?.path && !this.watch.stopped) return this.setState({ route })
    this.watch?.stop()
    const before = this.state.route
    this.setState({ route, data: null, problem: null })
    document.title = `${texts.pages[route.page]} – ${texts.title}`
    this.watch = path && this.watching(path)
    if (route.page !== before.page || route.rest.join() !== before.rest.join()) document.getElementById('content')?.focus()
  }

  watching(path) {
    const watch = new Watch(
      (tag) => this.state.api.get(path, tag),
      (data) => this.setState({ at: Date.now(), problem: null, ...(data && { data }), ...(data?.tenants && { tenants: data.tenants }) }),
      (problem) => (problem.status === 401 ? this.leave(texts.signIn.expired) : this.setState({ problem })),
    )
    watch.path = path
    watch.liveUntil = this.state.liveUntil
    watch.now()
    return watch
  }

  goLive = () => {
    const liveUntil = Date.now() < this.state.liveUntil ? 0 : Date.now() + LIVE_FOR
    this.setState({ liveUntil })
    this.watch?.goLive(liveUntil)
    clearTimeout(this.ending)
    if (liveUntil) this.ending = setTimeout(() => this.setState({ liveUntil: 0 }), LIVE_FOR)
  }

  render(_, state) {
    if (!state.api) return html`<${SignIn} enter=${this.enter} told=${state.told} busy=${state.busy} />`
    const { view } = PAGES[state.route.page] || {}
    return html`<a class="skip" href="#content" onClick=${skip}>${texts.skip}</a>
      <${Header} ...${state} leave=${() => this.leave()} goLive=${this.goLive} />
      <main id="content" tabindex="-1">
        <h1>${texts.pages[state.route.page]}</h1>
        ${state.problem && html`<${Failure} problem=${state.problem} again=${() => this.watch?.now()} />`}
        ${view && html`<${view} ...${state} key=${state.route.tenant} refresh=${() => this.watch?.now()} />`}
      </main>`
  }
}

function skip(event) {
  event.preventDefault()
  document.getElementById('content').focus()
}

function refusal(problem) {
  if (problem.status === 401 || problem.status === 403) return texts.signIn.refused
  if (problem.status === 429) return texts.problem.limited
  return problem.status ? problem.message : say(texts.problem.network, { address: new URL('health', document.baseURI).href })
}

function Header({ route, tenants, at, liveUntil, leave, goLive }) {
  const live = Date.now() < liveUntil
  const chosen = (event) => { location.hash = linkTo(event.target.value, route.page) }
  return html`<header>
    <strong class="brand">${texts.title}</strong>
    ${tenants.length > 1 ? html`<label class="tenant"><span class="hidden">${texts.tenant}</span><select value=${route.tenant} onChange=${chosen}>
      ${tenants.map((each) => html`<option value=${each.key}>${nameOf(each)}</option>`)}</select></label>` : html`<span class="tenant"><${Foreign} text=${nameOf(tenants[0])} /></span>`}
    <nav aria-label=${texts.title}>${Object.keys(PAGES).map((page) => html`<a href=${linkTo(route.tenant, page)} aria-current=${page === route.page ? 'page' : undefined}>${texts.pages[page]}</a>`)}</nav>
    <div class="state">
      <span class="muted" title=${texts.eachMinute}>${live ? say(texts.liveOn, { time: clock(liveUntil) }) : at ? say(texts.updated, { time: clock(at) }) : ''}</span>
      <button type="button" class="small" aria-pressed=${live ? 'true' : 'false'} title=${texts.liveHint} onClick=${goLive}>${texts.live}</button>
      <button type="button" class="small" onClick=${leave}>${texts.signOut}</button>
    </div></header>`
}

render(html`<${App} />`, document.body)

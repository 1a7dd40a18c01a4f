// Is it alive, how large is it, how does it fare: one answer of the service, in plain words, figures and plots.
import { fromNow, milliseconds, moment, day, number, share, span } from './format.js'
import { seatsSay } from './guards.js'
import { Component, Foreign, html, Notice, Rich, Sign, Time } from './parts.js'
import { Plot } from './plot.js'
import { linkTo } from './route.js'
import { say, texts } from './texts.js'

const words = texts.overview
const MINUTE = 60
const DAY = 24 * 60 * MINUTE
const MOST_WAITING = 100 // the service counts so many
const FEW_LEFT = 0.9
const LATE = 2.25 // times as long as Entra takes

export const overviewPath = (route) => `tenants/${encodeURIComponent(route.tenant)}/overview`

export function Overview({ route, data }) {
  if (!data) return html`<p aria-busy="true">${texts.loading}</p>`
  const monthly = route.query.get('period') === 'month'
  const period = monthly ? data.month : data.day
  const judged = judge(data)
  return html`
    <section class=${`verdict ${judged.level}`} aria-label=${judged.heading}>
      <h2><${Sign} level=${judged.level} />${judged.heading}</h2>
      ${judged.remarks.map((each) => html`<p><${Rich} text=${each} /></p>`)}
      ${!data.lastRequest && html`<p><a href=${linkTo(route.tenant, 'customers')}>${words.toCustomers}</a></p>`}
    </section>
    <${Tiles} data=${data} period=${period} monthly=${monthly} />
    <${Periods} route=${route} monthly=${monthly} />
    <div class="columns wide">
      <${Requests} period=${period} monthly=${monthly} />
      <${Latency} period=${period} monthly=${monthly} />
    </div>
    <div class="columns">
      <${Failures} route=${route} period=${period} monthly=${monthly} />
      <${Signs} data=${data} />
      <${Behind} feed=${data.feed} webhooks=${data.webhooks} />
      <${Expiring} listed=${data.credentialsExpiring} />
      <${Cycle} data=${data} />
    </div>`
}

// What the figures mean: a level, a heading, and what to do.
export function judge(data, now = Date.now()) {
  const found = [...service(data), ...silence(data, now), ...quarantine(data), ...failures(data), ...seats(data), ...webhooks(data), ...expiry(data, now)]
  const level = found.some(([each]) => each === 'bad') ? 'bad' : found.some(([each]) => each === 'warn') ? 'warn' : 'good'
  const heading = !data.lastRequest ? words.nobody : { good: words.well, warn: words.attention, bad: words.bad }[level]
  return { level: data.lastRequest ? level : 'warn', heading, remarks: found.map(([, text]) => text) }
}

function service({ service: states }) {
  const told = { storage: words.storageBad, tokens: words.tokensBad, timer: words.timerBad }
  const failing = Object.entries(told).filter(([name]) => states[name] && states[name] !== 'ok')
  return failing.map(([name, text]) => [name === 'timer' ? 'warn' : 'bad', say(text, { state: states[name] })])
}

// From the last request, since the answer is the same while nothing happens.
function silence({ silence: { since, expectedMinutes }, lastRequest, lastSuccess }, now) {
  if (!since) return [['warn', words.nobodyHint]]
  const quiet = (now - new Date(since)) / 1000
  const late = quiet > LATE * expectedMinutes * MINUTE
  const text = quiet > DAY ? words.silentDay : late ? words.silent : words.lastRequestAgo
  const found = [[quiet > DAY ? 'bad' : late ? 'warn' : 'good', say(text, { span: span(quiet), ago: fromNow(since, now), minutes: expectedMinutes })]]
  if (!lastSuccess) found.push(['bad', words.noSuccessEver])
  else if (new Date(lastRequest) - new Date(lastSuccess) > 2 * 60 * MINUTE * 1000) found.push(['bad', say(words.noSuccess, { when: moment(lastSuccess) })])
  return found
}

function quarantine({ quarantine: { risk, reasons }, day }) {
  const text = { refusedLogins: words.refused, manyFailures: words.manyFail, serverErrors: words.serverErrors }
  const told = (count) => ({ n: number(count), count, share: share(count, day.requests) })
  return reasons.map(({ reason, count }) => [risk === 'high' ? 'bad' : 'warn', say(text[reason], told(count))])
}

function failures({ quarantine: { reasons }, day }) {
  const told = reasons.length > 0 || day.failures === 0
  return told ? [] : [['good', say(words.someFail, { n: number(day.failures), count: day.failures })]]
}

function seats({ seats: allowed, activeUsers: active }) {
  if (allowed === null || active < FEW_LEFT * allowed) return []
  return [['warn', say(active < allowed ? words.seatsFew : words.seatsFull, { active: number(active), n: number(allowed) })]]
}

function webhooks({ webhooks: listed }) {
  return listed.filter((each) => !each.enabled || each.lastError).map((each) => {
    const url = each.url || each.id
    return ['warn', each.enabled ? say(words.webhookFails, { url, error: each.lastError }) : say(words.webhookOff, { url, why: each.whyDisabled || '' })]
  })
}

const expiry = ({ credentialsExpiring: listed }, now) =>
  listed.map((each) => {
    const over = new Date(each.expires) <= now
    return ['warn', say(over ? words.expired : words.expiring, { name: each.name, when: fromNow(each.expires, now) })]
  })

function Tiles({ data, period, monthly }) {
  const hint = monthly ? words.ofMonth : words.ofDay
  const active = say(words.active, { n: number(data.activeUsers), inactive: number(data.inactiveUsers) })
  return html`<dl class="tiles">
    <${Tile} name=${words.users} value=${number(data.users)} hint=${active} />
    <${Tile} name=${words.groups} value=${number(data.groups)} />
    <${Tile} name=${words.memberships} value=${number(data.memberships?.count)} hint=${data.memberships ? say(words.countedOn, { when: fromNow(data.memberships.time) }) : words.countedDaily} />
    <${Tile} name=${words.requests} value=${number(period.requests)} hint=${hint} />
    <${Tile} name=${words.failures} value=${number(period.failures)} hint=${say(words.failuresHint, { share: share(period.failures, period.requests) })} />
    <${Tile} name=${words.p95} value=${milliseconds(period.p95)} hint=${words.p95Hint} />
  </dl>`
}

const Tile = ({ name, value, hint }) => html`<div><dt>${name}</dt><dd>${value}</dd>${hint && html`<dd class="muted">${hint}</dd>`}</div>`

function Periods({ route, monthly }) {
  const current = (wanted) => (wanted === monthly ? 'true' : undefined)
  return html`<nav class="choice" aria-label=${words.period}>
    <a href=${linkTo(route.tenant, 'overview')} aria-current=${current(false)}>${words.ofDay}</a>
    <a href=${linkTo(route.tenant, 'overview', [], { period: 'month' })} aria-current=${current(true)}>${words.ofMonth}</a></nav>`
}

const whole = (points) => points.map((each) => new Date(each.time).getTime() / 1000)
const named = (monthly) => (time) => (monthly ? day : moment)(time * 1000)

function Requests({ period, monthly }) {
  const series = [
    { label: words.requests, colour: 'accent', bars: true, values: period.points.map((each) => each.requests) },
    { label: words.failed, colour: 'red', bars: true, values: period.points.map((each) => each.failures) },
  ]
  const summary = period.requests ? say(words.plotSays, { requests: number(period.requests), failures: number(period.failures) }) : words.noRequests
  return html`<${Plot} label=${words.plotRequests} summary=${summary} times=${whole(period.points)} series=${series} format=${number} when=${named(monthly)} daily=${monthly} />`
}

function Latency({ period, monthly }) {
  const series = [{ label: words.p95, colour: 'violet', values: period.points.map((each) => each.p95) }]
  const summary = period.requests ? say(words.latencySays, { p95: milliseconds(period.p95) }) : words.noRequests
  return html`<${Plot} label=${words.plotLatency} summary=${summary} times=${whole(period.points)} series=${series} format=${milliseconds} when=${named(monthly)} daily=${monthly} />`
}

function Failures({ route, period, monthly }) {
  const listed = Object.entries(period.failuresByScimType).sort(([, one], [, other]) => other - one)
  const most = listed[0]?.[1]
  return html`<section><h2>${words.byType}</h2>
    ${listed.length === 0 && html`<p class="muted">${words.noFailures}</p>`}
    <ul class="bars">${listed.map(
      ([type, count]) => html`<li><a href=${linkTo(route.tenant, 'log', [], asked(type, monthly))}><${Foreign} text=${type} /></a>
        <meter min="0" max=${most} value=${count} aria-label=${`${type}: ${number(count)}`}></meter><span>${number(count)}</span></li>`,
    )}</ul></section>`
}

const asked = (type) => (/^\d{3}$/.test(type) ? { status: type } : { status: 'failed', text: type })

function Signs({ data }) {
  const states = data.service
  const parts = [[words.storage, states.storage], [words.tokens, states.tokens], [words.timer, states.timer]].filter(([, state]) => state)
  return html`<section><h2>${words.signs}</h2><dl class="facts">
    ${parts.map(([name, state]) => html`<div><dt>${name}</dt><dd><${Sign} level=${state === 'ok' ? 'good' : 'bad'} />${state === 'ok' ? words.ok : state}</dd></div>`)}
    <div><dt>${words.lastRequest}</dt><dd><${Time} at=${data.lastRequest} /></dd></div>
    <div><dt>${words.lastSuccess}</dt><dd><${Time} at=${data.lastSuccess} /></dd></div>
    <div><dt>${words.lastChange}</dt><dd><${Time} at=${data.lastChange} /></dd></div>
    <div><dt>${words.seats}</dt><dd>${seatsSay(data.activeUsers, data.seats)}</dd></div>
    <div><dt>${words.tests}</dt><dd>${number(data.day.testConnections)}</dd></div>
  </dl></section>`
}

function Expiring({ listed }) {
  return html`<section><h2>${words.credentials}</h2>
    ${listed.length === 0 && html`<p class="muted">${texts.none}</p>`}
    <dl class="facts">${listed.map((each) => html`<div><dt><${Foreign} text=${each.name} /></dt><dd><${Time} at=${each.expires} /></dd></div>`)}</dl></section>`
}

function Behind({ feed, webhooks: listed }) {
  const waiting = feed.waiting >= MOST_WAITING ? say(words.waitingMany, { n: number(feed.waiting) }) : feed.waiting ? say(words.waiting, { n: number(feed.waiting), count: feed.waiting }) : words.upToDate
  return html`<section><h2>${words.feed}</h2><dl class="facts">
    <div><dt>${words.feedLag}</dt><dd>${waiting}</dd></div>
    <div><dt>${words.feedLast}</dt><dd>${number(feed.last)}</dd></div>
    ${listed.map((each) => html`<div><dt><${Foreign} text=${each.url || each.id} /></dt><dd><${Sign} level=${each.enabled && !each.lastError ? 'good' : 'warn'} />${each.behind ? say(words.events, { n: number(each.behind), count: each.behind }) : words.upToDate}</dd></div>`)}
  </dl></section>`
}

// A bar, where the counts allow one: Entra alone knows how many are in scope, so the reader says it.
class Cycle extends Component {
  render({ data }, { scope }) {
    const known = scope > 0
    const says = known && say(words.cycleSays, { users: number(data.users), scope: number(scope), share: share(Math.min(data.users, scope), scope), n: number(data.day.points.at(-1).requests) })
    return html`<section><h2>${words.cycle}</h2><label>${words.inScope}
      <input type="number" min="1" max="10000000" onInput=${(event) => this.setState({ scope: Number(event.target.value) })} aria-describedby="cycle-hint" /></label>
      ${known ? html`<progress max=${scope} value=${Math.min(data.users, scope)} aria-label=${words.cycle}></progress><p id="cycle-hint">${says}</p>` : html`<small id="cycle-hint" class="muted">${words.cycleHint}</small>`}</section>`
  }
}

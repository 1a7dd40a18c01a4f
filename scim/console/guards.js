// The seats of a tenant, and the groups that keep their last active member.
import { number } from './format.js'
import { Action, Foreign, Form, html, Loaded, Table } from './parts.js'
import { say, texts } from './texts.js'

const words = texts.guards

export const seatsSay = (active, seats) => (seats === null ? words.anyNumber : say(words.taken, { n: number(seats), active: number(active), count: seats }))

export function Guards({ api, path, operator }) {
  const below = `${path}/guards`
  return html`<section class="gap"><h2>${words.heading}</h2><${Loaded} api=${api} path=${below}>${({ seats, activeUsers, groups }, again) => {
    const seat = async (fields) => {
      await api.send('PATCH', path, { seats: fields.get('seats') ? Number(fields.get('seats')) : null })
      again()
    }
    const guard = async (fields) => {
      await api.send('POST', below, { group: fields.get('group').trim(), guard: fields.get('strict') === 'on' ? 'strict' : 'on' })
      again()
    }
    const cells = (group) => [
      html`<${Foreign} text=${group.displayName || group.id} />`,
      words.modes[group.guard],
      operator && html`<${Action} label=${words.end} about=${group.displayName || group.id} run=${async () => { await api.send('DELETE', `${below}/${encodeURIComponent(group.id)}`); again() }} />`,
    ]
    return html`<h3>${words.seats}</h3><p>${seatsSay(activeUsers, seats)}</p>
      ${operator && html`<p class="muted">${words.seatsHint}</p><${Form} send=${seat} label=${words.set} name=${words.seats}>
        <label>${words.most}<input name="seats" type="number" min="0" max="10000000" placeholder=${words.any} /></label><//>`}
      <h3>${words.groups}</h3>${groups.length === 0 ? html`<p class="muted">${words.noGroups}</p>` : html`<${Table} label=${words.groups} head=${[words.group, words.mode, texts.actions]} rows=${groups.map(cells)} />`}
      ${operator && html`<${Form} send=${guard} label=${words.guard} name=${words.groups}>
        <label>${words.group}<input name="group" required placeholder=${words.groupHint} /></label>
        <label class="tick"><input name="strict" type="checkbox" />${words.strict}</label><//>`}`
  }}<//></section>`
}

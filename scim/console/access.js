// Which groups give which roles to their members.
import { Action, Foreign, Form, html, Loaded, Table } from './parts.js'
import { say, texts } from './texts.js'

const words = texts.customers

export function Access({ api, path, operator }) {
  const below = `${path}/access`
  return html`<section class="gap"><h2>${words.access}</h2><${Loaded} api=${api} path=${below}>${({ groups }, again) => {
    const map = async (fields) => {
      await api.send('POST', below, { group: fields.get('group').trim(), role: fields.get('role').trim() })
      again()
    }
    const unmap = (group, role) => async () => {
      await api.send('DELETE', `${below}/${encodeURIComponent(group.id)}?role=${encodeURIComponent(role)}`)
      again()
    }
    const cells = (group) => [
      html`<${Foreign} text=${group.displayName} />`,
      html`<ul class="plain">${group.roles.map((role) => html`<li><${Foreign} text=${role} /> ${operator && html`<${Action} label=${say(words.unmap, { role })} run=${unmap(group, role)} />`}</li>`)}</ul>`,
    ]
    return html`${groups.length === 0 ? html`<p class="muted">${words.noAccess}</p>` : html`<${Table} label=${words.access} head=${[words.group, words.roles]} rows=${groups.map(cells)} />`}
      ${operator ? html`<${Form} send=${map} label=${words.map} name=${words.access}>
        <label>${words.group}<input name="group" required placeholder=${words.groupHint} /></label>
        <label>${words.role}<input name="role" required maxlength="64" /></label><//>` : html`<p class="muted">${words.operatorOnly}</p>`}`
  }}<//></section>`
}

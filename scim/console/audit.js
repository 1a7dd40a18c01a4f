// Who changed what through the management, newest first; nobody can delete it.
import { moment } from './format.js'
import { Foreign, html, Table } from './parts.js'
import { Pager } from './pager.js'
import { texts } from './texts.js'

const words = texts.audit

export function Audit({ api, path }) {
  const cells = (each) => [
    html`<time datetime=${each.time}>${moment(each.time)}</time>`,
    html`<${Foreign} text=${each.action} />`,
    html`<span class=${`status ${each.outcome === 'done' ? 'good' : 'warn'}`}>${words.outcomes[each.outcome] || each.outcome}</span>`,
    html`<${Foreign} text=${each.credential} />`,
    html`<${Foreign} text=${each.address} />`,
    html`<${Foreign} text=${each.detail || Object.entries(each.given || {}).map(([name, value]) => `${name}: ${typeof value === 'object' ? JSON.stringify(value) : value}`).join(', ')} />`,
  ]
  const head = [words.time, words.action, words.outcome, words.credential, words.address, words.detail]
  return html`<section class="gap"><h2>${words.heading}</h2><${Pager} api=${api} path=${`${path}/audit?count=20`} name="actions" empty=${texts.none} label=${words.heading}>
    ${(items) => html`<${Table} label=${words.heading} head=${head} rows=${items.map(cells)} />`}<//></section>`
}

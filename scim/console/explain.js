// A failure in the words of docs/errors.md: what it means, what to do, what Entra does and when it tries again.
import { escrow, explanations } from './explanations.js'
import { html, Rich } from './parts.js'
import { texts } from './texts.js'

const words = texts.log

// The explanation of a request's failure; undefined for none. Of several with one status, the one whose examples begin
// most like the detail.
export function explained({ status, scimType = '', detail = '' }) {
  const alike = explanations.filter((each) => each.status === status && each.scimType === scimType)
  const scored = alike.map((each) => [Math.max(0, ...each.begins.map((begin) => common(begin, detail))), each])
  return scored.sort(([one], [other]) => other - one)[0]?.[1]
}

function common(one, other) {
  let length = 0
  while (length < one.length && one[length] === other[length]) length += 1
  return length
}

export function Explanation({ request }) {
  const found = explained(request)
  if (!found) return null
  const entra = found.entra.some((each) => /tries again later/i.test(each)) ? [...found.entra, escrow] : found.entra
  return html`<div class="explanation">
    <${Part} heading=${words.toDo} texts=${found.do} />
    <${Part} heading=${words.means} texts=${found.means} />
    <${Part} heading=${words.entra} texts=${entra} /></div>`
}

const Part = ({ heading, texts: listed }) =>
  listed.length > 0 && html`<section><h2>${heading}</h2>${listed.map((each) => html`<p><${Rich} text=${each} /></p>`)}</section>`

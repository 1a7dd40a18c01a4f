// A list that is asked for a page at a time, each page from the cursor of the one before.
import { Component, Failure, html } from './parts.js'
import { texts } from './texts.js'

// `path` is without a cursor, `name` the member of the answer that has the list, `shown` renders what there is so far.
export class Pager extends Component {
  state = { items: [], cursor: '' }

  componentDidMount() {
    this.more()
  }

  more = async () => {
    const { api, path, name, failed } = this.props
    this.setState({ busy: true, problem: null })
    try {
      const cursor = this.state.cursor && `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(this.state.cursor)}`
      const { body } = await api.get(`${path}${cursor}`)
      this.setState({ items: [...this.state.items, ...body[name]], cursor: body.nextCursor, busy: false })
    } catch (problem) {
      this.setState({ problem, busy: false })
      failed?.(problem)
    }
  }

  render({ children, empty, label }, { items, cursor, busy, problem }) {
    if (busy && items.length === 0) return html`<p aria-busy="true">${texts.loading}</p>`
    return html`${items.length > 0 ? children(items) : !problem && !cursor && html`<p class="muted">${empty}</p>`}
      ${problem && html`<${Failure} problem=${problem} again=${this.more} />`}
      ${cursor && html`<button type="button" class="small" aria-label=${`${texts.directory.showMore}: ${label}`} aria-busy=${busy ? 'true' : undefined} onClick=${this.more}>${texts.directory.showMore}</button>`}`
  }
}

// A plot by uPlot, in the colours of the style sheet, with its figures as a table for those who cannot see it.
import { Component, html, Table } from './parts.js'
import { language, texts } from './texts.js'

const HEIGHT = 190
const dark = matchMedia('(prefers-color-scheme: dark)')

export class Plot extends Component {
  host = { current: null }

  componentDidMount() {
    this.observer = new ResizeObserver(() => this.resized())
    this.observer.observe(this.host.current)
    dark.addEventListener('change', this.drawn)
    this.drawn()
  }

  componentDidUpdate() {
    this.drawn()
  }

  componentWillUnmount() {
    this.observer.disconnect()
    dark.removeEventListener('change', this.drawn)
    this.plot?.destroy()
  }

  resized() {
    const { clientWidth } = this.host.current
    if (this.plot && clientWidth !== this.plot.width) this.plot.setSize({ width: clientWidth, height: HEIGHT })
  }

  drawn = () => {
    this.plot?.destroy()
    const { times, series, format } = this.props
    const data = [times, ...series.map((each) => each.values)]
    this.plot = new window.uPlot(options(this.host.current.clientWidth, series, format, this.props.daily), data, this.host.current)
  }

  render({ label, summary, times, series, format, when }) {
    const rows = times.map((time, at) => [when(time), ...series.map((each) => format(each.values[at]))])
    return html`<figure class="plot">
      <figcaption><strong>${label}</strong> <span class="muted">${summary}</span>
        <span class="legend" aria-hidden="true">${series.length > 1 && series.map((each) => html`<span class=${`key ${each.colour}`}>${each.label}</span>`)}</span>
      </figcaption>
      <div ref=${this.host} class="canvas" role="img" aria-label=${`${label}. ${summary}`}></div>
      <details><summary>${texts.overview.asTable}</summary>
        <${Table} label=${label} head=${[texts.overview.time, ...series.map((each) => each.label)]} rows=${rows} /></details>
    </figure>`
  }
}

function options(width, series, format, daily) {
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue(name).trim()
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' }
  const clock = new Intl.DateTimeFormat(language, daily ? { day: 'numeric', month: 'short' } : { hour: '2-digit', minute: '2-digit' })
  return {
    width,
    height: HEIGHT,
    padding: [10, 28, 0, 0], // the last mark is wider than what is left of it
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    legend: { show: false },
    scales: { y: { range: (_, _least, most) => [0, Math.max(most * 1.08, 1)] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, marks) => marks.map((each) => clock.format(each * 1000)), space: 70 },
      { ...axis, values: (_, marks) => marks.map((each) => (Number.isInteger(each) ? format(each) : '')), size: 58 },
    ],
    series: [
      {},
      ...series.map((each) => ({
        label: each.label,
        stroke: colour(`--${each.colour}`),
        fill: each.bars ? colour(`--${each.colour}`) : undefined,
        width: each.bars ? 0 : 2,
        paths: each.bars ? window.uPlot.paths.bars({ size: [0.7, 40] }) : undefined,
        points: { show: !each.bars, size: 5, fill: colour(`--${each.colour}`) },
        spanGaps: true,
      })),
    ],
  }
}

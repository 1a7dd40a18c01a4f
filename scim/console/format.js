// Numbers, times and durations as a reader writes them; the browser knows how.
import { language, say, texts } from './texts.js'

const numbers = new Intl.NumberFormat(language)
const shares = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 1 })
const moments = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })
const days = new Intl.DateTimeFormat(language, { dateStyle: 'medium' })
const clocks = new Intl.DateTimeFormat(language, { timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })

const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]]

export const number = (value) => (value === null || value === undefined ? '–' : numbers.format(value))
export const share = (part, whole) => shares.format(whole ? part / whole : 0)
export const moment = (text) => moments.format(new Date(text))
export const day = (text) => days.format(new Date(text))
export const clock = (time) => clocks.format(new Date(time))
export const milliseconds = (value) => (value === null || value === undefined ? '–' : say(texts.milliseconds, { value: numbers.format(Math.round(value)) }))

// "3 hours ago", "in 5 days".
export function fromNow(text, now = Date.now()) {
  const seconds = (new Date(text) - now) / 1000
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS.at(-1)
  return relative.format(Math.trunc(seconds / length), unit)
}

// "3 h 20 min"
export function span(seconds) {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) || UNITS.at(-1)
  const next = UNITS[UNITS.findIndex(([each]) => each === unit) + 1]
  const whole = Math.floor(seconds / length)
  const rest = next ? Math.floor((seconds - whole * length) / next[1]) : 0
  const shown = [[whole, unit], ...(rest && whole < 10 ? [[rest, next[0]]] : [])]
  return shown.map(([value, each]) => new Intl.NumberFormat(language, { style: 'unit', unit: each, unitDisplay: 'short' }).format(value)).join(' ')
}

// When the page asks again: each minute while it can be seen; live every five seconds, for ten minutes.

export const MINUTE = 60_000
const LIVE_EVERY = 5_000
export const LIVE_FOR = 10 * MINUTE

export class Watch {
  #timer
  #asked = 0
  #running = false
  #tag = ''
  #seen = () => this.#plan()

  // `ask` takes an ETag and promises {body, tag}; `told` gets each body that is new and null for no change.
  constructor(ask, told, failed) {
    Object.assign(this, { ask, told, failed, liveUntil: 0 })
    document.addEventListener('visibilitychange', this.#seen)
  }

  get live() {
    return Date.now() < this.liveUntil
  }

  goLive(until) {
    this.liveUntil = until
    this.#plan()
  }

  stop() {
    clearTimeout(this.#timer)
    this.stopped = true
    document.removeEventListener('visibilitychange', this.#seen)
  }

  async now() {
    if (this.#running || this.stopped) return
    this.#running = true
    this.#asked = Date.now()
    try {
      const { body, tag } = await this.ask(this.#tag)
      if (this.stopped) return
      this.#tag = tag
      this.told(body)
    } catch (problem) {
      if (!this.stopped) this.failed(problem)
    } finally {
      this.#running = false
      this.#plan()
    }
  }

  #plan() {
    clearTimeout(this.#timer)
    if (this.stopped || document.hidden) return
    const due = this.#asked + (this.live ? LIVE_EVERY : MINUTE)
    this.#timer = setTimeout(() => this.now(), Math.max(due - Date.now(), 0))
  }
}

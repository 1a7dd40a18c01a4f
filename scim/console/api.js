// Requests to /manage/v1. The credential lives in this object and nowhere else: no cookie, no storage.

export class Problem extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

export class Api {
  #token

  constructor(token) {
    this.#token = token
  }

  get(path, tag = '') {
    return this.#ask('GET', path, undefined, tag)
  }

  // What is answered, without its ETag.
  async send(method, path, body) {
    return (await this.#ask(method, path, body)).body
  }

  // {body, tag}; body is null for 304, which says that what has this ETag is still so.
  async #ask(method, path, body, tag) {
    const headers = { Authorization: `Bearer ${this.#token}` }
    if (tag) headers['If-None-Match'] = tag
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const answer = await this.#fetched(path, { method, headers, body: body === undefined ? body : JSON.stringify(body) })
    if (answer.status === 304) return { body: null, tag }
    const text = await answer.text()
    const told = text && /json/.test(answer.headers.get('Content-Type') || '') ? JSON.parse(text) : null
    if (!answer.ok) throw new Problem(answer.status, told?.detail || answer.statusText)
    return { body: told, tag: answer.headers.get('ETag') || '' }
  }

  async #fetched(path, options) {
    const address = new URL(`manage/v1/${path}`, document.baseURI)
    try {
      return await fetch(address, { ...options, cache: 'no-store', credentials: 'omit', redirect: 'error' })
    } catch {
      throw new Problem(0, '')
    }
  }
}

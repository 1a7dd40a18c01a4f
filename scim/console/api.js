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

  // A file and its name; `next` is the cursor behind it, or ''.
  async file(path) {
    const answer = await this.#answered('GET', path)
    const [, name] = /filename="([^"]+)"/.exec(answer.headers.get('Content-Disposition') || '') || []
    const [, next] = /<([^>]+)>; rel="next"/.exec(answer.headers.get('Link') || '') || []
    return { content: await answer.blob(), name, next: next ? new URL(next).searchParams.get('cursor') : '' }
  }

  // {body, tag}; body is null for 304, which says that what has this ETag is still so.
  async #ask(method, path, body, tag) {
    const answer = await this.#answered(method, path, body, tag)
    if (answer.status === 304) return { body: null, tag }
    return { body: await json(answer), tag: answer.headers.get('ETag') || '' }
  }

  async #answered(method, path, body, tag) {
    const headers = { Authorization: `Bearer ${this.#token}` }
    if (tag) headers['If-None-Match'] = tag
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const answer = await this.#fetched(path, { method, headers, body: body === undefined ? body : JSON.stringify(body) })
    if (!answer.ok && answer.status !== 304) {
      const told = await json(answer)
      throw new Problem(answer.status, told?.detail || answer.statusText)
    }
    return answer
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

// What Entra's Test Connection does, with another credential: {status, detail}.
export async function tried(key, token) {
  const address = new URL(`${encodeURIComponent(key)}/v2/Users?filter=userName+eq+%22${crypto.randomUUID()}%22`, document.baseURI)
  try {
    const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` }, cache: 'no-store', credentials: 'omit' })
    return { status: answer.status, detail: answer.ok ? '' : (await json(answer))?.detail || answer.statusText }
  } catch {
    throw new Problem(0, '')
  }
}

async function json(answer) {
  const text = await answer.text()
  return text && /json/.test(answer.headers.get('Content-Type') || '') ? JSON.parse(text) : null
}

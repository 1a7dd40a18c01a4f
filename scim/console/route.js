// Where the reader is: #/KEY/PAGE/REST?name=value, so that back, forward and bookmarks work.

export function readRoute(hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [tenant = '', page = '', ...rest] = path.split('/').map(decoded)
  return { tenant, page, rest, query: new URLSearchParams(query) }
}

export function linkTo(tenant, page, rest = [], query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value)
  const asked = new URLSearchParams(kept).toString()
  return `#/${[tenant, page, ...rest].map(encodeURIComponent).join('/')}${asked && `?${asked}`}`
}

function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

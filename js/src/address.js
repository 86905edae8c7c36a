/** Where a document is, for the websocket and for HTTP. Takes a server's URL apart once; holds no token. */

import { InvalidError } from './errors.js'

/**
 * @param {string} url `ws:`, `wss:`, `http:` or `https:`, with the path below which the server is mounted
 * @param {string | string[]} namespace `acme/task/q3`, or its segments
 * @param {string} document
 * @returns {{sync: string, room: string, http: string}} the websocket's URL is `sync/room`
 */
export function addressOf (url, namespace, document) {
  const base = parsed(url)
  if (base === null || !/^(ws|http)s?:$/.test(base.protocol)) throw misfit('the url begins with ws:, wss:, http: or https:')
  if (base.search || base.hash || base.username || base.password) {
    throw misfit('the url has no query, no fragment and no password: agent and token are options')
  }
  const segments = [...(typeof namespace === 'string' ? namespace.split('/') : namespace ?? []), document]
  if (segments.length < 3 || !segments.every(one => typeof one === 'string' && one !== '' && !/^\.\.?$/.test(one))) {
    throw misfit('a namespace is tenant/task/id, tenant/role/role or system/shared, and a document has a name')
  }
  const room = segments.map(encodeURIComponent).join('/')
  const secure = base.protocol === 'wss:' || base.protocol === 'https:' ? 's' : ''
  const place = `${base.host}${base.pathname.replace(/\/+$/, '')}`
  return { sync: `ws${secure}://${place}/sync`, room, http: `http${secure}://${place}/documents/${room}` }
}

function parsed (/** @type {string} */ url) {
  try {
    return new URL(url)
  } catch {
    return null
  }
}

function misfit (/** @type {string} */ message) {
  return new InvalidError(message, { code: 'bad_address', outcome: 'invalid' })
}

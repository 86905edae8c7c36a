/**
 * A document over HTTP: readings that remember which version they are, commits that land on that version or not at all.
 * Works alone: neither Yjs nor a websocket.
 */

import { addressOf } from './address.js'
import {
  ConflictError, FencedError, InvalidError, PreconditionError, StaleError, UnavailableError, errorOfAnswer, redacted
} from './errors.js'

const TIMEOUT_MS = 30_000
/** A request that nobody answered is repeated this often, under the same key: it lands once. */
const REPEATS = 2
const PAUSE_MS = 100
const ATTEMPTS = 10

/**
 * A document of a server, over HTTP alone.
 *
 * @param {string} url
 * @param {string | string[]} namespace `acme/task/q3`, or its segments
 * @param {string} document
 * @param {import('./index.js').HttpOptions} options
 */
export function openDocument (url, namespace, document, options = {}) {
  return new DocumentClient(addressOf(url, namespace, document).http, options)
}

export class DocumentClient {
  #url
  #options

  constructor (/** @type {string} */ url, /** @type {any} */ options) {
    this.#url = url
    this.#options = options
  }

  /** All regions at one version: now, or as it was at version `at`. */
  read (/** @type {{at?: number}} */ { at } = {}) {
    return this.request('GET', '', { query: at === undefined ? {} : { at: String(at) } })
  }

  /** A guarded field; with a key, an entry of a guarded map. */
  guarded (/** @type {string} */ name, /** @type {string} */ key) { return new GuardedField(this, name, key) }
  /** A log: `read`, `append`. */
  log (/** @type {string} */ name) { return new Region(this, name, 'log') }
  /** A union set: `read`, `add`, `discard`. */
  unionSet (/** @type {string} */ name) { return new Region(this, name, 'union_set') }
  /** A counter: `read`, `increment`. */
  counter (/** @type {string} */ name) { return new Region(this, name, 'counter') }
  /** A text: `read`, `append`, `insert`, `replace`. */
  text (/** @type {string} */ name) { return new Region(this, name, 'text') }
  /** A last-writer-wins map: `read`, `set`, `remove`. */
  map (/** @type {string} */ name) { return new Region(this, name, 'map') }

  /**
   * One request; its JSON, or the error that the answer stands for. What failed on the way is repeated under one key.
   *
   * @param {string} method
   * @param {string} path below the document
   * @param {{query?: Record<string, string>, headers?: Record<string, string>, body?: any}} [parts]
   */
  async request (method, path, { query = {}, headers = {}, body } = {}) {
    const { agent, token, fetch = globalThis.fetch, timeoutMs = TIMEOUT_MS } = this.#options
    const secret = checkedToken((await (typeof token === 'function' ? token() : token)) ?? null)
    const isAscii = /^[\x21-\x7e]*$/.test(agent ?? '')
    const asked = new URLSearchParams(agent && !isAscii ? { ...query, agent } : query).toString()
    /** @type {Record<string, string>} */
    const sent = { ...headers }
    if (agent && isAscii) sent['X-Agent'] = agent
    if (secret !== null) sent.Authorization = `Bearer ${secret}`
    if (method !== 'GET') sent['Idempotency-Key'] = globalThis.crypto?.randomUUID?.() ?? `${Date.now()}-${Math.random()}`
    if (body !== undefined) sent['Content-Type'] = 'application/json'
    const request = { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) }
    for (let attempt = 0; ; attempt++) {
      let answer, text
      try {
        answer = await fetch(`${this.#url}${path}${asked && `?${asked}`}`, { ...request, signal: AbortSignal.timeout(timeoutMs) })
        text = await answer.text()
      } catch (error) {
        if (attempt === REPEATS) throw unreachable(error, secret)
        await pause(PAUSE_MS * 2 ** attempt)
        continue
      }
      return understood(answer, text)
    }
  }
}

/** A region in which things merge. */
export class Region {
  #client
  #path
  #kind

  constructor (/** @type {DocumentClient} */ client, /** @type {string} */ name, /** @type {string} */ kind) {
    this.#client = client
    this.#path = `/regions/${encodeURIComponent(name)}`
    this.#kind = kind
  }

  /** What is there: `{value, version, by, at, etag}`, a log with `entries`. */
  read (/** @type {{atLeast?: number}} */ { atLeast } = {}) {
    const query = this.#query(atLeast === undefined ? {} : { at_least: String(atLeast) })
    return this.#client.request('GET', this.#path, { query })
  }

  append (/** @type {any} */ item, /** @type {any} */ about) {
    return this.#post(this.#kind === 'text' ? { op: 'append', text: item } : { op: 'append', items: [item] }, about)
  }

  add (/** @type {any} */ item, /** @type {any} */ about) { return this.#post({ op: 'add', items: [item] }, about) }
  discard (/** @type {any} */ item, /** @type {any} */ about) { return this.#post({ op: 'discard', items: [item] }, about) }
  increment (by = 1, /** @type {any} */ about = undefined) { return this.#post({ op: 'increment', by }, about) }

  insert (/** @type {number} */ index, /** @type {string} */ text, /** @type {any} */ about) {
    return this.#post({ op: 'insert', index, text }, about)
  }

  replace (/** @type {string} */ old, /** @type {string} */ text, /** @type {any} */ about) {
    return this.#post({ op: 'replace', old, new: text }, about)
  }

  set (/** @type {string} */ key, /** @type {any} */ value, /** @type {any} */ about) {
    const body = { value, ...aboutOf(about) }
    return this.#client.request('PUT', `${this.#path}/${encodeURIComponent(key)}`, { query: this.#query(), body })
  }

  remove (/** @type {string} */ key) {
    return this.#client.request('DELETE', `${this.#path}/${encodeURIComponent(key)}`, { query: this.#query() })
  }

  #post (/** @type {any} */ body, /** @type {any} */ about) {
    return this.#client.request('POST', this.#path, { query: this.#query(), body: { ...body, ...aboutOf(about) } })
  }

  #query (/** @type {Record<string, string>} */ more = {}) { return { kind: this.#kind, ...more } }
}

/** A field that is written by compare-and-swap alone. */
export class GuardedField {
  #client
  #path
  #query

  constructor (/** @type {DocumentClient} */ client, /** @type {string} */ name, /** @type {string | undefined} */ key) {
    this.#client = client
    this.#path = `/regions/${[name, key].filter(one => one !== undefined).map(one => encodeURIComponent(String(one))).join('/')}`
    this.#query = { kind: key === undefined ? 'guarded' : 'guarded_map' }
  }

  /** A reading, `{path, value, version, by, at, etag}`: what a later commit is derived from. */
  read (/** @type {{atLeast?: number}} */ { atLeast } = {}) {
    const query = atLeast === undefined ? this.#query : { ...this.#query, at_least: String(atLeast) }
    return this.#client.request('GET', this.#path, { query })
  }

  /**
   * Write, if nobody has written since `expect` was read; otherwise `ConflictError`, whose `reading` is what won. `expect: null`
   * lands only where nothing was ever written.
   *
   * @param {any} value
   * @param {{expect: any, why?: string, derivedFrom?: any[]}} about
   */
  commit (value, { expect, ...about }) {
    const body = { value, ...aboutOf(about) }
    return this.#client.request('PUT', this.#path, { query: this.#query, headers: condition(expect), body })
  }

  /** Remove it, if nobody has written since `expect` was read. */
  remove (/** @type {{expect: any, why?: string}} */ { expect, why }) {
    const headers = { ...condition(expect), ...(why === undefined ? {} : { 'X-Why': encodeURIComponent(why) }) }
    return this.#client.request('DELETE', this.#path, { query: this.#query, headers })
  }

  /**
   * Read, derive, commit; and again from what won, when somebody else was faster.
   *
   * @param {(value: any) => any} derive may be called several times
   * @param {{why?: string, attempts?: number}} [options]
   */
  async update (derive, { why, attempts = ATTEMPTS } = {}) {
    let reading = await this.read()
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.commit(await derive(reading.value), { expect: reading, why })
      } catch (error) {
        const isLost = error instanceof ConflictError || error instanceof StaleError || error instanceof FencedError
        if (!isLost || attempt >= attempts) throw error
        await pause(Math.random() * PAUSE_MS * attempt)
        reading = (error instanceof ConflictError && error.reading) || await this.read()
      }
    }
  }
}

/** A token that can be a header's value, or null. The error does not show it. @returns {string | null} */
export function checkedToken (/** @type {unknown} */ token) {
  if (token === null || token === undefined) return null
  if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
  throw new InvalidError('a token is a text of visible ASCII characters', { code: 'bad_token', outcome: 'invalid' })
}

/** The cause is told as a text without the token: what an HTTP library throws may show the headers. */
function unreachable (/** @type {any} */ error, /** @type {string | null} */ secret) {
  return new UnavailableError('the server did not answer; a write may have landed', {
    code: 'unreachable',
    outcome: 'unknown',
    retryable: true,
    fields: { why: redacted(String(error?.cause?.code ?? error?.message ?? error), secret) }
  })
}

function understood (/** @type {Response} */ answer, /** @type {string} */ text) {
  let body = null
  try {
    body = text === '' ? null : JSON.parse(text)
  } catch {
    if (answer.ok) throw new UnavailableError('the answer is not JSON: is this an accordant server?', { code: 'not_json' })
  }
  if (!answer.ok) throw errorOfAnswer(answer.status, body)
  return body
}

function condition (/** @type {any} */ expect) {
  if (expect === null) return { 'If-None-Match': '*' }
  if (typeof expect?.etag === 'string') return { 'If-Match': expect.etag }
  throw new PreconditionError('a guarded write names the reading that it replaces: { expect: await field.read() }', {
    code: 'precondition', outcome: 'invalid', next: 'read first, and pass the reading; null where nothing was ever written'
  })
}

function aboutOf (/** @type {{why?: string, derivedFrom?: any[]} | undefined} */ { why, derivedFrom } = {}) {
  const bases = derivedFrom?.map(({ path, etag }) => ({ path, etag }))
  return { ...(why === undefined ? {} : { why }), ...(bases === undefined ? {} : { derived_from: bases }) }
}

function pause (/** @type {number} */ ms) {
  return new Promise(resolve => setTimeout(resolve, ms))
}

/**
 * A document over y-websocket, with what a plain provider cannot do: to know that an edit is saved, and to live on when one is
 * refused. The refused replica is thrown away, a fresh one joins under a new client id, and what was not refused is made again.
 *
 *     connecting --synced--> live --dropped--> connecting
 *     connecting, live --refused (4409)--> connecting, with a fresh replica
 *     any --another 44xx, or refused too often--> stopped
 *     any --close()--> closed
 */

import { addressOf } from './address.js'
import { Emitter } from './emitter.js'
import {
  ClosedError, FencedError, InvalidError, RefusedError, TooMuchError, errorOfClose, errorOfMessage, isFinal
} from './errors.js'
import { DocumentClient, checkedToken } from './http.js'
import { Patience } from './patience.js'
import { Intention, Replica } from './replica.js'
import { OWN } from './wire.js'

const PROTOCOL = 1
const CAPABILITIES = ['ack', 'awareness', 'calls', 'refusal']
/** Intentions that may wait for the authority at once; then `edit` fails. */
const PENDING_MAX = 10_000

/**
 * Join a document.
 *
 * @param {string} url the server: `ws:`, `wss:`, `http:` or `https:`, with the path below which it is mounted
 * @param {string | string[]} namespace `acme/task/q3`, or its segments
 * @param {string} document
 * @param {import('./index.js').ConnectOptions} options
 */
export function connect (url, namespace, document, options) {
  return new Handle(url, namespace, document, options)
}

export class Handle {
  /** @type {'connecting' | 'live' | 'stopped' | 'closed'} */
  state = 'connecting'
  /** The newest version of the document that was heard of. */
  version = 0

  #emitter = new Emitter()
  #patience = new Patience()
  #options
  #address
  /** @type {Replica} */ #replica
  /** @type {{session: string, secret: string} | null} */ #seat = null
  /** @type {string | null} */ #incarnation = null
  /** Why the server turned the hello away. @type {any} */ #turnedAway = null
  /** Why nothing happens any more. @type {any} */ #end = null
  /** Unconfirmed entries of replicas that were thrown away. @type {import('./ledger.js').Entry[]} */ #carried = []
  /** Intentions that wait for the replica's first sync. @type {Intention[]} */ #queue = []
  /** @type {Array<{isMet: () => boolean, resolve: () => void, reject: (error: any) => void}>} */ #waiting = []
  /** @type {any} */ #timer = null

  constructor (/** @type {[string, string | string[], string, any]} */ ...[url, namespace, document, options]) {
    const { Y, WebsocketProvider, WebSocketPolyfill = globalThis.WebSocket, agent, token = null, fetch } = options ?? {}
    if (!Y || !WebsocketProvider) throw misuse('pass the modules: { Y, WebsocketProvider }')
    if (!WebSocketPolyfill) throw misuse('this runtime has no WebSocket: pass { WebSocketPolyfill }, from the package ws')
    if (typeof agent !== 'string' || agent === '') throw misuse('say who you are: { agent }')
    if (typeof token !== 'function') checkedToken(token)
    this.#options = { ...options, WebSocketPolyfill, token }
    this.#address = addressOf(url, namespace, document)
    /** The same document over HTTP. */
    this.http = new DocumentClient(this.#address.http, { agent, token, fetch })
    this.#replica = this.#fresh()
    this.#replica.provider.connect()
  }

  /** The living replica; after a `reset` another one. */
  get doc () { return this.#replica.doc }
  get provider () { return this.#replica.provider }
  get awareness () { return this.#replica.provider.awareness }

  /** How many edits the authority has not confirmed. */
  get pending () { return this.#replica.ledger.entries.length + this.#carried.length + this.#queue.length }

  /** Listen to `reset`, `synced`, `version`, `status` or `stopped`; the answer is a function that stops it. */
  on (/** @type {string} */ event, /** @type {Function} */ listener) { return this.#emitter.on(event, listener) }

  /** Resolves when the replica has what the authority has. Rejects when the handle stops or is closed before. */
  whenSynced () { return this.#when(() => this.state === 'live') }

  /** Resolves when the authority has confirmed all that was written here. Rejects when the handle stops or is closed before. */
  whenSaved () { return this.#when(() => this.pending === 0) }

  /**
   * Change the document by an intention: a function that is run in one transaction, and again on a fresh replica when another
   * edit was refused; so it finds its places anew (`text.length`, a key) instead of remembering them. It runs at once, or, before
   * the replica has been synced, as soon as it is.
   *
   * @template T
   * @param {(doc: any) => T} change
   * @returns {Promise<T>} settled when the authority has confirmed it, or refused it (`RefusedError`)
   */
  edit (change) {
    if (this.#end !== null) return Promise.reject(this.#end)
    if (this.pending >= PENDING_MAX) {
      const why = `${PENDING_MAX} edits wait for the authority`
      return Promise.reject(new TooMuchError(why, { code: 'outbox_full', retryable: true }))
    }
    const intention = new Intention(change)
    if (this.#replica.wasSynced) this.#perform(intention)
    else this.#queue.push(intention)
    return intention.promise
  }

  /** Leave. What was not confirmed is rejected with `ClosedError`; the document stays readable. */
  close () {
    if (this.state !== 'closed') this.#finish('closed', new ClosedError('the handle was closed', { code: 'closed' }))
  }

  // -- joining --------------------------------------------------------------------------------------------------------

  #fresh () {
    const ours = (/** @type {Function} */ does) => (/** @type {any[]} */ ...given) => {
      if (replica === this.#replica) does(...given)
    }
    const { agent } = this.#options
    const replica = new Replica(this.#options, this.#address, {
      token: () => this.#token(),
      hello: () => ({
        protocol: PROTOCOL, agent, shared: true, schema: null, resume: this.#seat, capabilities: CAPABILITIES
      }),
      hears: ours((/** @type {any} */ message) => this.#hear(message)),
      synced: ours(() => this.#synced()),
      ended: ours((/** @type {any} */ close) => this.#dropped(close))
    })
    return replica
  }

  /** One that can be no token stops the handle; where it could not be had now, the next attempt asks again. */
  async #token () {
    const { token } = this.#options
    const given = typeof token === 'function' ? await token() : token
    try {
      return checkedToken(given)
    } catch (error) {
      if (this.#end === null) this.#finish('stopped', error)
      throw error
    }
  }

  #hear (/** @type {{type: number, body: any}} */ { type, body }) {
    if (type === OWN.welcome) this.#welcomed(body)
    else if (type === OWN.refusal && body.error?.code === 'epoch_changed') this.#forget(ofAnotherTime())
    else if (type === OWN.refusal) this.#reset(errorOfMessage(body.error, RefusedError), this.#replica.ledger.refused())
    else if (type === OWN.error && body.id === null) this.#turnedAway = errorOfMessage(body.error)
    else if (type === OWN.ack) {
      for (const { intention } of this.#replica.ledger.confirmed(body.count)) intention?.resolve(intention.value)
      this.#heardVersion(body.version)
      this.#look()
    } else if (type === OWN.notice) this.#heardVersion(body.version)
  }

  #welcomed (/** @type {any} */ { session, secret, incarnation, version }) {
    const isAnother = this.#incarnation !== null && (incarnation !== this.#incarnation || version < this.version)
    this.#incarnation = incarnation
    if (isAnother) {
      this.version = version
      this.#seat = null
      this.#forget(ofAnotherTime())
      return
    }
    this.#seat = { session, secret }
    this.#heardVersion(version)
  }

  #heardVersion (/** @type {number} */ version) {
    if (version <= this.version) return
    this.version = version
    this.#emitter.emit('version', version)
  }

  #synced () {
    this.#become('live')
    if (!this.#replica.wasSynced) {
      this.#replica.wasSynced = true
      const [carried, queue] = [this.#carried, this.#queue]
      this.#carried = []
      this.#queue = []
      for (const entry of carried) {
        if (entry.intention === null) continue // told in `reset`
        if (this.#replica.holds(entry)) entry.intention.resolve(entry.intention.value)
        else this.#perform(entry.intention)
      }
      for (const intention of queue) this.#perform(intention)
    }
    this.#emitter.emit('synced', { doc: this.doc })
    this.#look()
  }

  #perform (/** @type {Intention} */ intention) {
    if (!this.#replica.perform(intention)) intention.resolve(intention.value) // nothing changed, or it has been rejected already
  }

  // -- leaving --------------------------------------------------------------------------------------------------------

  #dropped (/** @type {{code: number, reason: string} | null} */ close) {
    if (close?.code === 4409) this.#reset(errorOfClose(close.code, close.reason), this.#replica.ledger.refused())
    else if (close?.code === 4411) this.#forget(ofAnotherTime())
    else if (close !== null && isFinal(close.code)) {
      this.#finish('stopped', this.#turnedAway ?? errorOfClose(close.code, close.reason))
    } else this.#become('connecting')
    this.#turnedAway = null
  }

  /** The replica holds something that the document never will: another one takes its place. */
  #reset (/** @type {any} */ error, /** @type {import('./ledger.js').Entry | null} */ guilty) {
    const intention = guilty?.intention ?? null
    // One of many that waited together: the others were told already, and it will not come again.
    const delay = intention?.isCarried ? 0 : this.#patience.refused(Date.now())
    const entries = this.#replica.ledger.entries
    const unsaved = entries.filter(entry => entry.intention === null)
      .map(entry => ({ updates: entry.updates, refused: entry === guilty }))
    this.#carried.push(...entries.filter(entry => entry.intention !== null && entry !== guilty))
    for (const entry of this.#carried) entry.intention.isCarried = true
    intention?.reject(error)
    if (delay === null) {
      const why = `refused again and again, at last: ${error.message}`
      const last = new RefusedError(why, { ...error, code: 'refused_too_often', fields: { ...error.fields, last: error.code } })
      this.#finish('stopped', last, unsaved)
    } else this.#replace(error, unsaved, delay)
  }

  /** Another document has the name: nothing that was written here belongs to it. */
  #forget (/** @type {any} */ error) {
    const entries = [...this.#carried, ...this.#replica.ledger.entries]
    this.#carried = []
    for (const { intention } of entries) intention?.reject(error)
    const unsaved = entries.filter(entry => entry.intention === null).map(({ updates }) => ({ updates, refused: false }))
    this.#replace(error, unsaved, this.#patience.refused(Date.now()) ?? 0)
  }

  #replace (/** @type {any} */ error, /** @type {any[]} */ unsaved, /** @type {number} */ delay) {
    const previous = this.#replica
    const presence = previous.provider.awareness.getLocalState()
    this.#seat = null
    this.#replica = this.#fresh()
    previous.leave()
    if (presence !== null) this.awareness.setLocalState(presence)
    this.#timer = setTimeout(() => this.provider.connect(), delay)
    this.#become('connecting')
    this.#emitter.emit('reset', { doc: this.doc, previous: previous.doc, error, unsaved })
  }

  #finish (/** @type {'stopped' | 'closed'} */ state, /** @type {any} */ error, /** @type {any[]} */ told = []) {
    const entries = this.#replica.ledger.entries
    const others = told.length > 0 ? [] : entries.filter(entry => entry.intention === null)
    const unsaved = [...told, ...others.map(({ updates }) => ({ updates, refused: false }))]
    const intentions = [...this.#carried, ...entries].map(entry => entry.intention).concat(this.#queue)
    const isNew = this.#end === null
    this.#end = error
    this.#carried = []
    this.#queue = []
    clearTimeout(this.#timer)
    this.#become(state)
    if (isNew) this.#replica.leave()
    for (const intention of intentions) intention?.reject(error)
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    if (state === 'stopped') this.#emitter.emit('stopped', { error, doc: this.doc, unsaved })
  }

  #become (/** @type {'connecting' | 'live' | 'stopped' | 'closed'} */ state) {
    if (state === this.state) return
    this.state = state
    this.#emitter.emit('status', state)
  }

  #when (/** @type {() => boolean} */ isMet) {
    if (this.#end !== null) return Promise.reject(this.#end)
    return /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
      this.#waiting.push({ isMet, resolve, reject })
      this.#look()
    }))
  }

  #look () {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ isMet }) => !isMet())
    for (const one of waiting) if (!this.#waiting.includes(one)) one.resolve()
  }
}

function ofAnotherTime () {
  return new FencedError('this is another document under the same name', { code: 'epoch_changed', outcome: 'fenced' })
}

function misuse (/** @type {string} */ message) {
  return new InvalidError(message, { code: 'bad_call', outcome: 'invalid' })
}

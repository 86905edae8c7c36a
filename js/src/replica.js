/** One life of the document on this side: a Y.Doc, its provider, and the ledger of what it wrote. Thrown away when refused. */

import { Ledger, hasLanded } from './ledger.js'
import { introduced } from './socket.js'

/** A change that the application asked for by `edit`: can be made again elsewhere. */
export class Intention {
  /** Whether it has been made on a replica that was thrown away. */
  isCarried = false
  /** @type {any} */ value = undefined
  /** @type {(value: any) => void} */ resolve = () => {}
  /** @type {(error: any) => void} */ reject = () => {}

  constructor (/** @type {(doc: any) => any} */ change) {
    this.change = change
    this.promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }))
    this.promise.catch(() => {}) // whoever does not wait for it hears of it by `reset` or `stopped`
  }
}

export class Replica {
  ledger = new Ledger()
  wasSynced = false
  isLeaving = false

  /**
   * @param {any} options `Y`, `WebsocketProvider`, `WebSocketPolyfill`, `providerOptions`
   * @param {{sync: string, room: string}} address
   * @param {Omit<import('./socket.js').Ears, 'leaves' | 'isLeaving'> & {synced: () => void}} ears
   */
  constructor ({ Y, WebsocketProvider, WebSocketPolyfill, providerOptions }, address, ears) {
    this.Y = Y
    this.doc = new Y.Doc()
    // Before the provider's own listener: an edit is in the ledger when its message leaves.
    this.doc.on('update', this.#made)
    this.provider = new WebsocketProvider(address.sync, address.room, this.doc, {
      ...providerOptions,
      disableBc: true, // tabs that talk past the authority would hand each other what it refuses
      connect: false,
      WebSocketPolyfill: introduced(WebSocketPolyfill, {
        ...ears,
        leaves: kind => this.ledger.sent(kind),
        ended: close => {
          this.ledger.dropped()
          ears.ended(close)
        },
        isLeaving: () => this.isLeaving
      })
    })
    this.provider.on('sync', (/** @type {boolean} */ isSynced) => { if (isSynced) ears.synced() })
  }

  /** Make an intention's change in one transaction. Whether the authority will say something about it. */
  perform (/** @type {Intention} */ intention) {
    try {
      intention.value = this.doc.transact((/** @type {any} */ transaction) => {
        if (transaction.origin !== intention) throw new Error('edit begins its own transaction: call it outside of one')
        return intention.change(this.doc)
      }, intention)
    } catch (error) {
      this.ledger.disown(intention)
      intention.reject(error)
      return false
    }
    return this.ledger.has(intention)
  }

  /** Whether an entry of an earlier replica is in this one. */
  holds (/** @type {import('./ledger.js').Entry} */ entry) {
    const { Y, doc } = this
    const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
    const isGone = (/** @type {number} */ client, /** @type {number} */ clock, /** @type {number} */ length) => {
      for (let at = clock; at < clock + length;) {
        const item = Y.getItem(doc.store, Y.createID(client, at))
        if (!item.deleted) return false
        at = item.id.clock + item.length
      }
      return true
    }
    return hasLanded(entry, client => clocks.get(client) ?? 0, isGone)
  }

  /** Leave for good. The document stays readable. */
  leave () {
    this.isLeaving = true
    this.doc.off('update', this.#made)
    this.provider.destroy()
    this.provider.awareness.destroy()
  }

  #made = (/** @type {Uint8Array} */ update, /** @type {any} */ origin, /** @type {any} */ _, /** @type {any} */ transaction) => {
    if (origin === this.provider) return
    const { beforeState, afterState, deleteSet } = transaction
    this.ledger.made({
      intention: origin instanceof Intention ? origin : null,
      updates: [update],
      ends: [...afterState].filter(([client, clock]) => clock > (beforeState.get(client) ?? 0)),
      deletes: [...deleteSet.clients].flatMap(([client, ranges]) =>
        ranges.map((/** @type {any} */ { clock, len }) => [client, clock, len])),
      wasSent: false
    })
  }
}

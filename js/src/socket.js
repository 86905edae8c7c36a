/**
 * A WebSocket for y-websocket that says hello first. To the provider the connection is open once the server has welcomed us;
 * until then what arrives waits. Our own messages are taken out on the way, and whoever asks hears what leaves.
 *
 *     connecting --welcome--> open --close--> closed
 *
 * An edit is not sent before the answer to the server's Step 1: that answer holds it, and so every message is answered in turn.
 */

import { redacted } from './errors.js'
import { OWN, answered, decodeOwn, encodeOwn } from './wire.js'

/** A server that says nothing for so long after the connection stands is none. */
const WELCOME_TIMEOUT_MS = 20_000

/**
 * @typedef {object} Ears
 * @property {() => string | null | Promise<string | null>} token
 * @property {() => any} hello the body of Hello
 * @property {(message: {type: number, body: any}) => void} hears one of our messages came
 * @property {(kind: 'step2' | 'update') => void} leaves a message that will be answered is about to leave
 * @property {(close: {code: number, reason: string} | null) => void} ended null: from this side
 * @property {() => boolean} isLeaving whether the session ends with this connection
 */

/** A class to pass as `WebSocketPolyfill`. */
export function introduced (/** @type {any} */ Inner, /** @type {Ears} */ ears) {
  return class extends IntroducedSocket {
    constructor (/** @type {string} */ url, /** @type {string[]} */ protocols) {
      super(Inner, ears, url, protocols)
    }
  }
}

class IntroducedSocket {
  CONNECTING = 0
  OPEN = 1
  CLOSING = 2
  CLOSED = 3
  readyState = 0
  binaryType = 'arraybuffer'
  /** @type {any} */ onopen = null
  /** @type {any} */ onmessage = null
  /** @type {any} */ onerror = null
  /** @type {any} */ onclose = null
  /** @type {any} */ #inner = null
  /** @type {Ears} */ #ears
  /** @type {any[]} */ #held = []
  /** @type {any} */ #timer = null
  #hasCaughtUp = false

  constructor (/** @type {any} */ Inner, /** @type {Ears} */ ears, /** @type {string} */ url, /** @type {string[]} */ protocols) {
    this.#ears = ears
    this.#open(Inner, url, protocols)
  }

  send (/** @type {Uint8Array} */ frame) {
    if (this.readyState !== this.OPEN) return
    const kind = answered(frame)
    if (kind === 'update' && !this.#hasCaughtUp) return
    if (kind === 'step2') this.#hasCaughtUp = true
    if (kind !== null) this.#ears.leaves(kind)
    this.#inner.send(frame)
  }

  close () {
    if (this.readyState === this.CLOSED) return
    if (this.readyState === this.OPEN && this.#ears.isLeaving()) {
      this.#inner.send(encodeOwn(OWN.call, { id: 0, method: 'close', body: {} }))
    }
    this.#end(null)
    this.#inner?.close()
  }

  async #open (/** @type {any} */ Inner, /** @type {string} */ url, /** @type {string[]} */ protocols) {
    let token = null
    try {
      token = await this.#ears.token()
      if (this.readyState === this.CLOSED) return
      this.#inner = new Inner(token === null ? url : `${url}?token=${encodeURIComponent(token)}`, protocols)
    } catch (error) {
      this.#failed(error, token)
      this.#end({ code: 1006, reason: '' })
      return
    }
    const inner = this.#inner
    inner.binaryType = 'arraybuffer'
    inner.onopen = () => {
      if (this.readyState === this.CLOSED) return
      inner.send(encodeOwn(OWN.hello, this.#ears.hello()))
      this.#timer = setTimeout(() => inner.close(), WELCOME_TIMEOUT_MS)
    }
    inner.onmessage = (/** @type {any} */ event) => this.#receive(event.data)
    inner.onerror = (/** @type {any} */ event) => this.#failed(event, token)
    inner.onclose = (/** @type {any} */ { code, reason }) => this.#end({ code, reason: redacted(String(reason ?? ''), token) })
  }

  #receive (/** @type {ArrayBuffer} */ data) {
    if (this.readyState === this.CLOSED) return
    let own
    try {
      own = decodeOwn(new Uint8Array(data))
    } catch {
      this.#inner.close()
      return
    }
    if (own === null) return this.readyState === this.OPEN ? this.onmessage?.({ data }) : void this.#held.push(data)
    this.#ears.hears(own)
    if (own.type !== OWN.welcome || this.readyState !== this.CONNECTING) return
    clearTimeout(this.#timer)
    this.readyState = this.OPEN
    this.onopen?.({})
    for (const one of this.#held.splice(0)) if (this.readyState === this.OPEN) this.onmessage?.({ data: one })
  }

  #failed (/** @type {any} */ error, /** @type {string | null} */ token) {
    if (this.readyState !== this.CLOSED) this.onerror?.({ type: 'error', message: redacted(String(error?.message ?? ''), token) })
  }

  #end (/** @type {{code: number, reason: string} | null} */ close) {
    if (this.readyState === this.CLOSED) return
    this.readyState = this.CLOSED
    clearTimeout(this.#timer)
    this.#ears.ended(close)
    if (close !== null) this.onclose?.(close)
  }
}

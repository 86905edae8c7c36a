/**
 * What a replica wrote and the authority has not confirmed, and in which message it is on its way. Pure: no Yjs, no connection.
 *
 * The server answers every Step 2 and Update in order, so a message is confirmed when its turn comes. A Step 2 carries all that
 * waits; an Update carries the entry that was made last.
 *
 * @typedef {object} Entry
 * @property {any} intention what made it; null for an edit made outside `edit`
 * @property {Uint8Array[]} updates the edit, as Yjs updates
 * @property {Array<[number, number]>} ends client id, and the clock at which what it wrote ends
 * @property {Array<[number, number, number]>} deletes client id, clock and length of what it deleted
 * @property {boolean} wasSent
 */

export class Ledger {
  /** Not confirmed, in the order in which it was made. @type {Entry[]} */
  entries = []
  /** Sent on this connection and not answered: the entries of each message. @type {Entry[][]} */
  #messages = []

  /** An edit was made. Edits outside of intentions that were never sent lie together: however long it is typed, one entry. */
  made (/** @type {Entry} */ entry) {
    const last = this.entries.at(-1)
    if (last === undefined || last.wasSent || last.intention !== null || entry.intention !== null) {
      this.entries.push(entry)
      return
    }
    last.updates.push(...entry.updates)
    last.ends = [...new Map([...last.ends, ...entry.ends])]
    last.deletes.push(...entry.deletes)
  }

  /** A message leaves. */
  sent (/** @type {'step2' | 'update'} */ kind) {
    const inIt = kind === 'step2' ? [...this.entries] : this.entries.slice(-1)
    for (const entry of inIt) entry.wasSent = true
    this.#messages.push(inIt)
  }

  /** The connection is gone: what had no answer is sent again by the next Step 2. */
  dropped () {
    this.#messages = []
  }

  /** The oldest `count` messages are durable. @returns {Entry[]} what that confirms */
  confirmed (/** @type {number} */ count) {
    const found = new Set(this.#messages.splice(0, count).flat())
    const confirmed = this.entries.filter(entry => found.has(entry))
    this.entries = this.entries.filter(entry => !found.has(entry))
    return confirmed
  }

  /** The oldest message was refused. @returns {Entry | null} the guilty entry, where that is certain */
  refused () {
    const inIt = (this.#messages[0] ?? []).filter(entry => this.entries.includes(entry))
    return inIt.length === 1 ? inIt[0] : null
  }

  has (/** @type {any} */ intention) {
    return this.entries.some(entry => entry.intention === intention)
  }

  /** The intention failed half-way: what it did before stands, and nobody can make it again. */
  disown (/** @type {any} */ intention) {
    for (const entry of this.entries) if (entry.intention === intention) entry.intention = null
  }
}

/**
 * Whether an entry is part of a document: it landed, although nobody heard of it.
 *
 * @param {Entry} entry
 * @param {(client: number) => number} clockOf how far the document knows a client
 * @param {(client: number, clock: number, length: number) => boolean} isGone whether all of that is deleted there
 */
export function hasLanded (entry, clockOf, isGone) {
  if (entry.ends.length > 0) return entry.ends.every(([client, clock]) => clockOf(client) >= clock)
  return entry.deletes.every(([client, clock, length]) => clockOf(client) >= clock + length && isGone(client, clock, length))
}

/** How long to wait before a fresh replica joins, and when to give up: refusals that repeat must not become a storm. Pure. */

const FIRST_MS = 100
const LONGEST_MS = 10_000
/** Refusals in a row after which somebody is making the same forbidden edit again and again. */
export const RESETS_MAX = 10
/** After so long without a refusal the next one is the first again. */
const FORGOTTEN_MS = 60_000

export class Patience {
  #count = 0
  #last = -Infinity

  /** A replica was refused. @returns {number | null} milliseconds to wait; null: stop */
  refused (/** @type {number} */ now) {
    this.#count = now - this.#last > FORGOTTEN_MS ? 1 : this.#count + 1
    this.#last = now
    return this.#count > RESETS_MAX ? null : Math.min(FIRST_MS * 2 ** (this.#count - 1), LONGEST_MS)
  }
}

/** Events. A listener that throws is reported to the console and keeps nobody else from hearing. */
export class Emitter {
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map()

  /** Listen; the answer is a function that stops it. */
  on (/** @type {string} */ event, /** @type {Function} */ listener) {
    const heard = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, heard.add(listener))
    return () => { heard.delete(listener) }
  }

  emit (/** @type {string} */ event, /** @type {any} */ detail) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(detail)
      } catch (error) {
        console.error(`a listener of ${event} failed`, error)
      }
    }
  }
}

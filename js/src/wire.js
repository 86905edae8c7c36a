/** The few bytes that y-websocket does not handle: our own messages, and which of its frames await an answer. Pure. */

export const OWN = { hello: 110, welcome: 111, call: 112, error: 114, notice: 115, refusal: 116, ack: 117 }
const SYNC = 0
const STEP_2 = 1
const UPDATE = 2

/** @returns {Uint8Array} */
export function encodeOwn (/** @type {number} */ type, /** @type {any} */ body) {
  const text = new TextEncoder().encode(JSON.stringify(body))
  return new Uint8Array([type, ...number(text.length), ...text])
}

/**
 * One of our messages, or null for a frame that is y-protocols'. Throws for one of ours that cannot be read.
 *
 * @param {Uint8Array} frame
 * @returns {{type: number, body: any} | null}
 */
export function decodeOwn (frame) {
  if (!(frame[0] >= OWN.hello && frame[0] < 128)) return null
  const [length, at] = readNumber(frame, 1)
  if (at + length !== frame.length) throw new RangeError('a message of the server is cut')
  return { type: frame[0], body: JSON.parse(new TextDecoder().decode(frame.subarray(at))) }
}

/** Whether the server will answer this frame: `step2`, `update`, or null. */
export function answered (/** @type {Uint8Array} */ frame) {
  if (frame[0] !== SYNC) return null
  return frame[1] === STEP_2 ? 'step2' : frame[1] === UPDATE ? 'update' : null
}

function number (/** @type {number} */ value) {
  const bytes = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push(128 | (value % 128))
  return [...bytes, value]
}

/** @returns {[number, number]} the number, and where the next thing begins */
function readNumber (/** @type {Uint8Array} */ bytes, /** @type {number} */ at) {
  for (let value = 0, factor = 1; at < bytes.length && factor < 2 ** 53; factor *= 128) {
    const byte = bytes[at++]
    value += (byte & 127) * factor
    if (byte < 128) return [value, at]
  }
  throw new RangeError('a number has no end')
}

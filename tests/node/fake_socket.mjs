// A WebSocket that goes nowhere: what a provider sends is kept as hexadecimal text, what it is to receive is handed to it.
export class FakeSocket {
  static last = null
  readyState = 0
  sent = []
  listeners = {}
  CONNECTING = 0
  OPEN = 1

  constructor () {
    FakeSocket.last = this
  }

  addEventListener (name, listener) {
    this.listeners[name] = listener
  }

  removeEventListener (name) {
    delete this.listeners[name]
  }

  emit (name, event) {
    this.listeners[name]?.(event)
    this['on' + name]?.(event)
  }

  open () {
    this.readyState = 1
    this.emit('open', {})
  }

  receive (frame) {
    const bytes = Buffer.from(frame, 'hex')
    this.emit('message', { data: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) })
  }

  send (frame) {
    this.sent.push(Buffer.from(frame).toString('hex'))
  }

  close () {
    this.readyState = 3
  }
}

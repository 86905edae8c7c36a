// The parts that need no server: what they promise stands in each test's name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf } from '../src/address.js'
import { Emitter } from '../src/emitter.js'
import {
  ConflictError, DeniedError, FencedError, RefusedError, StaleError, errorOfAnswer, errorOfClose, errorOfMessage, isFinal, redacted
} from '../src/errors.js'
import { connect } from '../src/handle.js'
import { checkedToken, openDocument } from '../src/http.js'
import { Ledger, hasLanded } from '../src/ledger.js'
import { Patience, RESETS_MAX } from '../src/patience.js'
import { introduced } from '../src/socket.js'
import { OWN, answered, decodeOwn, encodeOwn } from '../src/wire.js'

const entry = (intention, { ends = [[1, 1]], deletes = [] } = {}) =>
  ({ intention, updates: [new Uint8Array([1])], ends, deletes, wasSent: false })

test('an address leads to the websocket and to HTTP, below any prefix, each segment encoded', () => {
  assert.deepEqual(addressOf('ws://h:1/base/', 'acme/task/q3', 'a b'), {
    sync: 'ws://h:1/base/sync', room: 'acme/task/q3/a%20b', http: 'http://h:1/base/documents/acme/task/q3/a%20b'
  })
  assert.equal(addressOf('https://h', ['system', 'shared'], 'b').sync, 'wss://h/sync')
  assert.equal(addressOf('wss://h', ['system', 'shared'], 'b').http, 'https://h/documents/system/shared/b')
})

test('what is no address is refused, and a password in it is not shown', () => {
  for (const url of ['ftp://h', 'h', 'ws://h?token=geheim', 'ws://u:geheim@h', '']) {
    assert.throws(() => addressOf(url, 'acme/task/q3', 'b'), error => error.code === 'bad_address' && !error.message.includes('geheim'))
  }
  for (const [namespace, name] of [['acme', 'b'], ['acme//q3', 'b'], ['acme/../q3', 'b'], ['acme/task/q3', ''], [undefined, 'b']]) {
    assert.throws(() => addressOf('ws://h', namespace, name), { code: 'bad_address' })
  }
})

test('our messages are read back, cut ones throw, and y-protocols are left alone', () => {
  const body = { text: 'ü'.repeat(300) }
  const frame = encodeOwn(OWN.ack, body)
  assert.deepEqual(decodeOwn(frame), { type: OWN.ack, body })
  for (let end = 1; end < frame.length; end++) assert.throws(() => decodeOwn(frame.subarray(0, end)))
  assert.equal(decodeOwn(new Uint8Array([0, 0, 1, 0])), null)
  assert.equal(decodeOwn(new Uint8Array([])), null)
})

test('step 2 and updates await an answer, and nothing else does', () => {
  const found = [[0, 0], [0, 1], [0, 2], [1, 1], [3], []].map(bytes => answered(new Uint8Array(bytes)))
  assert.deepEqual(found, [null, 'step2', 'update', null, null, null])
})

test('an entry is confirmed when the message that carries it is, and not before', () => {
  const ledger = new Ledger()
  const entries = ['a', 'b', 'c'].map(name => entry(name))
  ledger.made(entries[0])
  ledger.made(entries[1])
  ledger.sent('step2')
  ledger.made(entries[2])
  ledger.sent('update')
  assert.deepEqual(ledger.confirmed(1), entries.slice(0, 2))
  assert.deepEqual(ledger.entries, entries.slice(2))
  assert.deepEqual(ledger.confirmed(5), entries.slice(2))
})

test('what had no answer when the connection dropped is confirmed by the next step 2 alone', () => {
  const ledger = new Ledger()
  ledger.made(entry('a'))
  ledger.sent('update')
  ledger.dropped()
  assert.deepEqual(ledger.confirmed(1), [])
  ledger.sent('step2')
  assert.equal(ledger.confirmed(1).length, 1)
})

test('the guilty entry is named only where the refused message carries one', () => {
  const ledger = new Ledger()
  const [first, second, third] = ['a', 'b', 'c'].map(name => entry(name))
  ledger.made(first)
  ledger.sent('update')
  ledger.made(second)
  ledger.sent('update')
  assert.equal(ledger.refused(), first)
  ledger.confirmed(1)
  assert.equal(ledger.refused(), second)
  ledger.dropped()
  assert.equal(ledger.refused(), null)
  ledger.made(third)
  ledger.sent('step2')
  assert.equal(ledger.refused(), null)
})

test('typing while nobody listens stays one entry, and intentions stay apart', () => {
  const ledger = new Ledger()
  ledger.made(entry(null, { ends: [[1, 1]] }))
  ledger.made(entry(null, { ends: [[1, 2], [2, 1]], deletes: [[3, 0, 1]] }))
  assert.equal(ledger.entries.length, 1)
  const [{ updates, ends, deletes }] = ledger.entries
  assert.deepEqual([updates.length, ends, deletes], [2, [[1, 2], [2, 1]], [[3, 0, 1]]])
  ledger.made(entry('a'))
  ledger.made(entry(null))
  ledger.sent('step2')
  ledger.made(entry(null))
  assert.deepEqual(ledger.entries.map(one => one.intention), [null, 'a', null, null])
})

test('an entry has landed when all that it wrote, or else all that it deleted, is there', () => {
  const isGone = (client, clock, length) => client === 2 && clock + length <= 5
  const clocks = client => ({ 1: 4, 2: 9 })[client] ?? 0
  assert.equal(hasLanded(entry('a', { ends: [[1, 4]] }), clocks, isGone), true)
  assert.equal(hasLanded(entry('a', { ends: [[1, 5]] }), clocks, isGone), false)
  assert.equal(hasLanded(entry('a', { ends: [], deletes: [[2, 3, 2]] }), clocks, isGone), true)
  assert.equal(hasLanded(entry('a', { ends: [], deletes: [[2, 4, 2]] }), clocks, isGone), false)
  assert.equal(hasLanded(entry('a', { ends: [], deletes: [[1, 4, 1]] }), clocks, () => true), false)
})

test('refusals that repeat are waited for ever longer, and then no more; after quiet it begins anew', () => {
  const patience = new Patience()
  const waits = Array.from({ length: RESETS_MAX }, () => patience.refused(0))
  assert.deepEqual(waits.slice(0, 4), [100, 200, 400, 800])
  assert.equal(waits.at(-1), 10_000)
  assert.equal(patience.refused(0), null)
  assert.equal(patience.refused(60_001), 100)
})

test('a lost commit carries what won, and a stale basis is another error', () => {
  const told = {
    code: 'stale_version',
    outcome: 'conflict',
    retryable: true,
    detail: 'late',
    fields: { path: 'account', at: 'then' },
    next: 'retry',
    value: 1,
    version: 7,
    writer: 'ada',
    etag: '"7.0.0.x"'
  }
  const lost = errorOfAnswer(412, told)
  assert.ok(lost instanceof ConflictError)
  assert.deepEqual([lost.value, lost.version, lost.writer, lost.retryable, lost.next], [1, 7, 'ada', true, 'retry'])
  assert.deepEqual(lost.reading, { path: 'account', value: 1, version: 7, by: 'ada', at: 'then', etag: '"7.0.0.x"' })
  assert.ok(errorOfAnswer(412, { outcome: 'stale' }) instanceof StaleError)
  assert.deepEqual([errorOfAnswer(502, null).code, errorOfAnswer(502, '<html>').retryable], ['http_502', true])
})

test('close codes and messages become typed errors, and say whether to come back', () => {
  const refused = errorOfClose(4409, 'guarded_closed: not yours')
  assert.ok(refused instanceof RefusedError)
  assert.deepEqual([refused.code, refused.message], ['guarded_closed', 'not yours'])
  assert.ok(errorOfClose(4410, '') instanceof FencedError)
  assert.ok(errorOfMessage({ type: 'Denied', message: 'no', code: 'c', status: 'denied', fields: { hint: 'ask' } }) instanceof DeniedError)
  assert.equal(errorOfMessage({ type: 'Denied', fields: { hint: 'ask' } }).next, 'ask')
  assert.deepEqual([1000, 1006, 1009, 1012, 4400, 4499, 4500, 4503].map(isFinal), [false, false, true, false, true, true, false, false])
})

test('a token is never part of a text', async () => {
  assert.equal(redacted('bad geheim here', 'geheim'), 'bad [token] here')
  assert.equal(redacted('bad', null), 'bad')
  assert.throws(() => checkedToken('geheim\n'), error => error.code === 'bad_token' && !error.message.includes('geheim'))
  const document = openDocument('http://127.0.0.1:1', 'acme/task/q3', 'brief', {
    token: 'geheim', fetch: async (_, { headers }) => { throw new TypeError(`cannot send ${headers.Authorization}`) }
  })
  const error = await document.guarded('account').read().catch(error => error)
  assert.deepEqual([error.name, error.code, error.outcome, error.retryable], ['UnavailableError', 'unreachable', 'unknown', true])
  assert.ok(!`${error.stack} ${JSON.stringify(error)}`.includes('geheim'))
})

test('what can be no token is refused before anything is opened', () => {
  const modules = { Y: {}, WebsocketProvider: class {}, WebSocketPolyfill: class {}, agent: 'ada' }
  assert.throws(() => connect('ws://h', 'acme/task/q3', 'b', { ...modules, token: 'geheim\n' }), { code: 'bad_token' })
  assert.throws(() => connect('ws://h', 'acme/task/q3', 'b', { ...modules, agent: '' }), { code: 'bad_call' })
})

test('a request that nobody answered is repeated under one key', async () => {
  const keys = []
  const document = openDocument('http://127.0.0.1:1', 'acme/task/q3', 'brief', {
    agent: 'ada',
    fetch: async (_, { headers }) => {
      keys.push(headers['Idempotency-Key'])
      if (keys.length < 3) throw new TypeError('cut')
      return new Response('{"version": 3}')
    }
  })
  assert.deepEqual(await document.counter('citations').increment(), { version: 3 })
  assert.deepEqual([keys.length, new Set(keys).size], [3, 1])
})

test('a listener that throws keeps nobody else from hearing', () => {
  const [emitter, heard, error] = [new Emitter(), [], console.error]
  console.error = () => {}
  emitter.on('x', () => { throw new Error('broken') })
  const stop = emitter.on('x', detail => heard.push(detail))
  emitter.emit('x', 1)
  stop()
  emitter.emit('x', 2)
  console.error = error
  assert.deepEqual(heard, [1])
})

// -- the socket, over a wire of two arrays --

class Wire {
  static last = null
  sent = []
  isClosed = false
  constructor (url) {
    this.url = url
    Wire.last = this
  }

  send (frame) { this.sent.push([...frame]) }
  close () { this.isClosed = true }
  says (frame) { this.onmessage({ data: Uint8Array.from(frame).buffer }) }
}

const opened = async (more = {}) => {
  const [told, seen] = [[], []]
  const Socket = introduced(Wire, {
    token: () => null,
    hello: () => ({ agent: 'ada' }),
    hears: message => told.push(message.type),
    leaves: kind => told.push(kind),
    ended: close => told.push(close),
    isLeaving: () => false,
    ...more
  })
  const socket = new Socket('ws://h/sync/room', [])
  for (const name of ['onopen', 'onmessage', 'onclose', 'onerror']) socket[name] = event => seen.push([name, event])
  await new Promise(resolve => setImmediate(resolve))
  return { socket, wire: Wire.last, told, seen }
}
const welcome = encodeOwn(OWN.welcome, {})

test('hello is the first word, and the provider hears nothing before welcome', async () => {
  const { socket, wire, told, seen } = await opened()
  wire.onopen()
  assert.equal(wire.sent[0][0], OWN.hello)
  wire.says([0, 0, 1, 0])
  socket.send(new Uint8Array([0, 0, 1, 0]))
  assert.deepEqual([seen, wire.sent.length, socket.readyState], [[], 1, 0])
  wire.says(welcome)
  assert.deepEqual([seen.map(one => one[0]), told, socket.readyState], [['onopen', 'onmessage'], [OWN.welcome], 1])
  socket.close()
})

test('no edit leaves before the answer to step 1, which holds it', async () => {
  const { socket, wire, told } = await opened()
  wire.onopen()
  wire.says(welcome)
  socket.send(new Uint8Array([0, 2, 1]))
  assert.equal(wire.sent.length, 1)
  socket.send(new Uint8Array([0, 1, 1]))
  socket.send(new Uint8Array([0, 2, 1]))
  assert.deepEqual(wire.sent.slice(1).map(frame => frame[1]), [1, 2])
  assert.deepEqual(told, [OWN.welcome, 'step2', 'update'])
  socket.close()
})

test('the end is told once, and the session is closed only by who leaves for good', async () => {
  for (const isLeaving of [false, true]) {
    const { socket, wire, told } = await opened({ isLeaving: () => isLeaving })
    wire.onopen()
    wire.says(welcome)
    socket.close()
    wire.onclose({ code: 1000, reason: '' })
    assert.deepEqual([told, wire.isClosed], [[OWN.welcome, null], true])
    assert.equal(wire.sent.some(frame => frame[0] === OWN.call), isLeaving)
  }
})

test('the token is in the address of the connection, and in nothing that is told', async () => {
  const { wire, told, seen } = await opened({ token: async () => 'geheim' })
  assert.equal(wire.url, 'ws://h/sync/room?token=geheim')
  wire.onerror({ message: 'cannot reach ws://h/sync/room?token=geheim', target: wire })
  wire.onclose({ code: 4401, reason: 'bad: geheim' })
  assert.ok(!JSON.stringify([told, seen]).includes('geheim'))
  assert.deepEqual(told, [{ code: 4401, reason: 'bad: [token]' }])
})

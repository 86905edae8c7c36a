// Golden bytes of y-protocols, as one JSON object of hexadecimal texts: what real clients send, and read back.
// With a JSON object of frames (hex) on standard input, `wire_golden.mjs read` says what y-protocols reads in each.
import { readFileSync } from 'node:fs'
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as authProtocol from 'y-protocols/auth'
import * as awarenessProtocol from 'y-protocols/awareness'
import * as syncProtocol from 'y-protocols/sync'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { FakeSocket } from './fake_socket.mjs'

const hex = bytes => Buffer.from(bytes).toString('hex')
const written = write => {
  const encoder = encoding.createEncoder()
  write(encoder)
  return hex(encoding.toUint8Array(encoder))
}

const document = () => {
  const doc = new Y.Doc()
  doc.clientID = 300
  doc.getText('draft').insert(0, 'grün')
  return doc
}

const presence = doc => {
  const awareness = new awarenessProtocol.Awareness(doc)
  awareness.setLocalState({ name: 'Ada', cursor: [1, 2] })
  return awareness
}

const write = () => {
  const doc = document()
  const awareness = presence(doc)
  const frames = {
    step1: written(e => { encoding.writeVarUint(e, 0); syncProtocol.writeSyncStep1(e, doc) }),
    step2: written(e => { encoding.writeVarUint(e, 0); syncProtocol.writeSyncStep2(e, doc) }),
    update: written(e => { encoding.writeVarUint(e, 0); syncProtocol.writeUpdate(e, Y.encodeStateAsUpdate(doc)) }),
    awareness: written(e => {
      encoding.writeVarUint(e, 1)
      encoding.writeVarUint8Array(e, awarenessProtocol.encodeAwarenessUpdate(awareness, [300]))
    }),
    denied: written(e => { encoding.writeVarUint(e, 2); authProtocol.writePermissionDenied(e, 'nicht für dich') }),
    query: written(e => encoding.writeVarUint(e, 3)),
    numbers: Object.fromEntries(
      [0, 1, 127, 128, 300, 16383, 16384, 2 ** 31, 2 ** 32, 2 ** 53 - 1].map(n => [n, written(e => encoding.writeVarUint(e, n))])
    ),
    state_vector: hex(Y.encodeStateVector(doc)),
    state: hex(Y.encodeStateAsUpdate(doc))
  }
  awareness.destroy()
  return frames
}

const read = frames => {
  const doc = new Y.Doc()
  const awareness = new awarenessProtocol.Awareness(doc)
  const answers = Object.fromEntries(Object.entries(frames).map(([name, frame]) => {
    const decoder = decoding.createDecoder(Buffer.from(frame, 'hex'))
    const reply = encoding.createEncoder()
    switch (decoding.readVarUint(decoder)) {
      case 0: {
        const step = syncProtocol.readSyncMessage(decoder, reply, doc, null)
        return [name, { step, text: doc.getText('draft').toString(), reply: hex(encoding.toUint8Array(reply)) }]
      }
      case 1:
        awarenessProtocol.applyAwarenessUpdate(awareness, decoding.readVarUint8Array(decoder), null)
        return [name, Object.fromEntries(awareness.getStates())]
      case 2: {
        let reason = null
        authProtocol.readAuthMessage(decoder, doc, (_, text) => { reason = text })
        return [name, { reason }]
      }
      default:
        return [name, { rest: decoding.hasContent(decoder) }]
    }
  }))
  awareness.destroy()
  return answers
}

// What y-websocket itself sends, and how it answers.
const provided = () => {
  const doc = document()
  const provider = new WebsocketProvider('ws://nowhere', 'brief', doc, { WebSocketPolyfill: FakeSocket, disableBc: true })
  const socket = FakeSocket.last
  socket.open()
  const [step1, awareness] = socket.sent.splice(0)
  doc.getText('draft').insert(4, '!')
  const [update] = socket.sent.splice(0)
  socket.receive('00000100')
  const [step2] = socket.sent.splice(0)
  provider.awareness.setLocalState({ name: 'Ada' })
  const [presence] = socket.sent.splice(0)
  socket.receive('03')
  const [everyone] = socket.sent.splice(0)
  return { step1, awareness, update, step2, presence, everyone }
}

const answer = process.argv[2] === 'read' ? read(JSON.parse(readFileSync(0, 'utf8'))) : { ...write(), y_websocket: provided() }
process.stdout.write(JSON.stringify(answer))
process.exit(0)

// What the real @hocuspocus/provider sends, as one JSON object of hexadecimal frames. With a JSON list of frames on standard
// input, `hocuspocus_golden.mjs read` hands them to a provider, one after another, and says what it made of each.
import { readFileSync } from 'node:fs'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import * as Y from 'yjs'
import { FakeSocket } from './fake_socket.mjs'

const turn = () => new Promise(resolve => setTimeout(resolve, 5))
const seen = []
const note = name => found => seen.push([name, found])

const drafted = () => {
  const document = new Y.Doc()
  document.clientID = 300
  document.getText('draft').insert(0, 'grün')
  return document
}

const begin = async (extra = {}) => {
  const websocketProvider = new HocuspocusProviderWebsocket({ url: 'ws://nowhere', WebSocketPolyfill: FakeSocket })
  const provider = new HocuspocusProvider({
    websocketProvider,
    name: 'acme/task/q3/brief',
    document: drafted(),
    token: 'geheim ü',
    onAuthenticated: ({ scope }) => note('authenticated')(scope),
    onAuthenticationFailed: ({ reason }) => note('denied')(reason),
    onSynced: ({ state }) => note('synced')(state),
    onUnsyncedChanges: ({ number }) => note('unsynced')(number),
    onStateless: ({ payload }) => note('stateless')(payload),
    onClose: ({ event }) => note('close')(event.reason),
    onAwarenessChange: ({ states }) => note('present')(states),
    ...extra
  })
  provider.sessionId = 'k3v9'
  provider.attach()
  await turn()
  const socket = FakeSocket.last
  socket.open()
  await turn()
  return { provider, socket, document: provider.document }
}

const write = async () => {
  const { provider, socket, document } = await begin()
  const [token, step1, awareness] = socket.sent.splice(0)
  provider.setAwarenessField('name', 'Ada')
  const [presence] = socket.sent.splice(0)
  document.getText('draft').insert(4, '!')
  const [update] = socket.sent.splice(0)
  provider.sendStateless('hallo')
  const [stateless] = socket.sent.splice(0)
  socket.receive('09')
  const [pong] = socket.sent.splice(0)
  // an empty state vector: everything is lacking
  socket.receive('1261636d652f7461736b2f71332f6272696566' + '000001' + '00')
  const [step2] = socket.sent.splice(0)
  provider.detach()
  const [close] = socket.sent.splice(0)
  const other = await begin({ sessionAwareness: true, awareness: null, token: null })
  const [session_token, session_step1] = other.socket.sent.splice(0)
  return { token, step1, awareness, presence, update, stateless, pong, step2, close, session_token, session_step1 }
}

const read = async frames => {
  const { socket, document } = await begin({ document: new Y.Doc() })
  const answers = []
  for (const frame of frames) {
    seen.length = socket.sent.length = 0
    socket.receive(frame)
    await turn()
    answers.push({ seen: [...seen], sent: [...socket.sent], text: document.getText('draft').toString() })
  }
  return answers
}

const answer = process.argv[2] === 'read' ? await read(JSON.parse(readFileSync(0, 'utf8'))) : await write()
process.stdout.write(JSON.stringify(answer))
process.exit(0)

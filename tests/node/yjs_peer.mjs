// A peer, driven by JSON lines on standard input; answers and events as JSON lines on standard output. Ends when its input does.
// Usage: yjs_peer.mjs URL ROOM AGENT PROVIDER [TOKEN]
// PROVIDER: an unmodified `y-websocket`, `y-websocket-2` or `hocuspocus`; or `accordant`, our own package over y-websocket, and
// `accordant-2`, over version 2 of it.
import { createInterface } from 'node:readline'
import WebSocket from 'ws'
import * as Y from 'yjs'
import { commandsOf, fetched, handleCommands } from './peer_commands.mjs'

const [url, room, agent, kind, token] = process.argv.slice(2)
if (!kind) throw new Error('usage: yjs_peer.mjs URL ROOM AGENT PROVIDER [TOKEN]')
const say = message => process.stdout.write(JSON.stringify(message) + '\n')
console.warn = text => say({ event: 'warning', text })

const joined = {
  'y-websocket': () => plain('y-websocket'),
  'y-websocket-2': () => plain('y-websocket-2'),
  hocuspocus: async () => {
    const { HocuspocusProvider, HocuspocusProviderWebsocket } = await import('@hocuspocus/provider')
    const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket, parameters: agent ? { agent } : {} })
    const doc = new Y.Doc()
    const provider = new HocuspocusProvider({
      websocketProvider,
      name: room,
      document: doc,
      token: token ?? 'any',
      onSynced: ({ state }) => state && say({ event: 'synced' }),
      onStatus: ({ status }) => say({ event: status }),
      onAuthenticationFailed: ({ reason }) => say({ event: 'denied', reason })
    })
    provider.attach()
    return [() => ({ doc, provider }), { unsynced: () => provider.unsyncedChanges, leave: () => provider.destroy() }]
  },
  accordant: () => ours('y-websocket'),
  'accordant-2': () => ours('y-websocket-2')
}

async function plain (name) {
  const { WebsocketProvider } = await import(name)
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, room, doc, {
    WebSocketPolyfill: WebSocket,
    disableBc: true,
    params: { ...(agent ? { agent } : {}), ...(token ? { token } : {}) }
  })
  provider.on('sync', synced => synced && say({ event: 'synced' }))
  provider.on('status', ({ status }) => say({ event: status }))
  provider.on('connection-close', event => event && say({ event: 'close', code: event.code, reason: event.reason }))
  provider.on('closed', ({ code }) => say({ event: 'closed', code }))
  return [() => ({ doc, provider }), {}]
}

async function ours (name) {
  const { WebsocketProvider } = await import(name)
  const { connect } = await import('../../js/src/index.js')
  const segments = room.split('/')
  const document = segments.pop()
  const handle = connect(url.replace(/\/sync$/, ''), segments, document, { Y, WebsocketProvider, WebSocketPolyfill: WebSocket, agent, token })
  return [() => handle, handleCommands(handle, say)]
}

const [peer, more] = await joined[kind]()
const commands = { ...commandsOf(Y, peer), fetch: fetched, ...more }
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  say({ answer: (await commands[command.do](command)) ?? null })
}
peer().provider.destroy()
process.exit(0)

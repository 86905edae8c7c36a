// An unmodified yjs + y-websocket peer, driven by JSON lines on standard input; answers and events as JSON lines on standard
// output. Usage: yjs_peer.mjs URL ROOM [AGENT]. Ends when its input does.
import { createInterface } from 'node:readline'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const [url, room, agent] = process.argv.slice(2)
if (!room) throw new Error('usage: yjs_peer.mjs URL ROOM [AGENT]')
const say = message => process.stdout.write(JSON.stringify(message) + '\n')
const doc = new Y.Doc()
const provider = new WebsocketProvider(url, room, doc, {
  WebSocketPolyfill: WebSocket,
  disableBc: true,
  params: agent ? { agent } : {}
})
provider.on('sync', synced => synced && say({ event: 'synced' }))
provider.on('status', ({ status }) => say({ event: status }))
provider.on('connection-close', event => event && say({ event: 'close', code: event.code, reason: event.reason }))
provider.on('closed', ({ code }) => say({ event: 'closed', code }))
console.warn = text => say({ event: 'warning', text })

const shown = root => {
  const found = doc.get(root)
  if (found instanceof Y.Text || found instanceof Y.Array || found instanceof Y.Map) return found.toJSON()
  return null
}
const commands = {
  insert: ({ root, index, text }) => doc.getText(root).insert(index, text),
  push: ({ root, items }) => doc.getArray(root).push(items),
  set: ({ root, key, value }) => doc.getMap(root).set(key, value),
  many: ({ root, count }) => {
    for (let i = 0; i < count; i++) doc.getText(root).insert(doc.getText(root).length, String(i % 10))
  },
  text: ({ root }) => doc.getText(root).toString(),
  array: ({ root }) => doc.getArray(root).toJSON(),
  map: ({ root }) => doc.getMap(root).toJSON(),
  shown: ({ root }) => shown(root),
  state: () => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64'),
  me: () => doc.clientID,
  awareness: ({ state }) => provider.awareness.setLocalState(state),
  present: () => Object.fromEntries(provider.awareness.getStates()),
  leave: () => provider.disconnect()
}
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  say({ answer: (await commands[command.do](command)) ?? null })
}
provider.destroy()
process.exit(0)

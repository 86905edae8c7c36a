// A page in headless Chromium as a peer, driven like yjs_peer.mjs. The page and every module in it come from local files, over
// an HTTP server of this script; an import map says where each package lies. Nothing is bundled, nothing is fetched from elsewhere.
// Usage: browser_peer.mjs URL ROOM AGENT PROVIDER [HOST]     HOST: the name under which the page is opened (the loopback's address)
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const [url, room, agent, kind, host = '127.0.0.1'] = process.argv.slice(2)
const chromiumPath = process.env.CHROMIUM
if (!kind || !chromiumPath) throw new Error('usage: CHROMIUM=PATH browser_peer.mjs URL ROOM AGENT PROVIDER [HOST]')
const say = message => process.stdout.write(JSON.stringify(message) + '\n')
const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

const CONDITIONS = ['browser', 'module', 'import', 'default']
const fileOf = target => {
  if (typeof target === 'string' || target === undefined) return target
  for (const condition of CONDITIONS) {
    const found = target[condition] && fileOf(target[condition])
    if (found) return found
  }
}
const imports = {}
for (const name of ['yjs', 'lib0', 'y-protocols', 'y-websocket']) {
  const { exports } = JSON.parse(readFileSync(join(here, 'node_modules', name, 'package.json')))
  for (const [path, target] of Object.entries(exports)) {
    const file = path.includes('*') ? undefined : fileOf(target)
    if (file) imports[join(name, path)] = `/tests/node/node_modules/${join(name, file)}`
  }
}

const page = `<!doctype html>
<meta charset="utf-8">
<title>peer</title>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import { connect } from '/js/src/index.js'
import { commandsOf, fetched, handleCommands } from '/tests/node/peer_commands.mjs'
const { url, room, agent, kind } = ${JSON.stringify({ url, room, agent, kind })}
const say = message => window.said(message)
let peer, more
if (kind === 'accordant') {
  const segments = room.split('/')
  const document = segments.pop()
  const handle = connect(url.replace(/\\/sync$/, ''), segments, document, { Y, WebsocketProvider, agent })
  peer = () => handle
  more = handleCommands(handle, say)
} else {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, room, doc, { disableBc: true, params: { agent } })
  provider.on('sync', synced => synced && say({ event: 'synced' }))
  provider.on('status', ({ status }) => say({ event: status }))
  peer = () => ({ doc, provider })
}
const commands = { ...commandsOf(Y, peer), fetch: fetched, ...more }
window.command = async command => (await commands[command.do](command)) ?? null
</script>`

const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript' }
const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://page').pathname))
  if (path === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
    return
  }
  try {
    response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' }).end(readFileSync(join(root, path)))
  } catch {
    response.writeHead(404).end()
  }
})
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

const browser = await chromium.launch({
  executablePath: chromiumPath,
  headless: true,
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--host-resolver-rules=MAP *.example 127.0.0.1']
})
const tab = await browser.newPage()
tab.on('pageerror', error => say({ event: 'pageerror', text: String(error) }))
await tab.exposeFunction('said', say)
await tab.goto(`http://${host}:${server.address().port}/`)
await tab.waitForFunction(() => window.command !== undefined)
say({ event: 'opened', origin: new URL(tab.url()).origin })
for await (const line of createInterface({ input: process.stdin })) {
  say({ answer: await tab.evaluate(command => window.command(command), JSON.parse(line)) })
}
await browser.close()
process.exit(0)

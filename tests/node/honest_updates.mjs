// Honest Yjs peers: several edit, go offline, merge, undo, restart, and send to a hub in every way that Yjs offers.
// usage: honest_updates.mjs SEED STEPS open|xml      prints JSON lines: {actor, update} in the order sent, then {state}
import * as Y from 'yjs'

const [seed, steps, mode] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
if (!mode) throw new Error('usage: honest_updates.mjs SEED STEPS open|xml')

let state = seed * 2654435761 + 1
const random = () => { // mulberry32: the same run for the same seed
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const below = n => Math.floor(random() * n)
const pick = list => list[below(list.length)]
const print = line => process.stdout.write(JSON.stringify(line) + '\n')

const hub = new Y.Doc()
const words = ['a', 'bc', 'déf', '😀', 'x😀y', '日本', 'tail ', '👩‍👩‍👧']
const send = (peer, update) => {
  print({ actor: peer.actor, update: Buffer.from(update).toString('base64') })
  Y.applyUpdate(hub, update)
  if (hub.store.pendingStructs || hub.store.pendingDs) throw new Error('the script sent something that is not causal')
}

// Offsets that do not lie inside a surrogate pair.
const cuts = text => {
  const found = [0]
  let at = 0
  for (const { insert } of text.toDelta()) {
    if (typeof insert !== 'string') found.push(++at)
    else for (const character of insert) found.push(at += character.length)
  }
  return found
}

const editText = text => {
  const at = cuts(text)
  const from = below(at.length)
  const to = Math.min(at.length - 1, from + 1 + below(4))
  const choice = random()
  if (choice < 0.55 || to === from) text.insert(at[from], pick(words), random() < 0.15 ? { bold: true } : undefined)
  else if (choice < 0.8) text.delete(at[from], at[to] - at[from])
  else if (choice < 0.95) text.format(at[from], at[to] - at[from], { [pick(['bold', 'link'])]: pick([true, null, { href: 'x' }]) })
  else text.insertEmbed(at[from], { image: below(9) })
}

const editMap = map => {
  const key = pick('abcdef')
  if (map.has(key) && random() < 0.3) map.delete(key)
  else map.set(key, pick([1, -2.5, 's', null, undefined, true, [1, { x: 'y' }], { k: [1] }, new Uint8Array([1, 2]), 2 ** 40, 1e300]))
}

const editItems = items => {
  if (items.length && random() < 0.35) {
    const at = below(items.length)
    items.delete(at, Math.min(items.length - at, 1 + below(3)))
  } else items.insert(random() < 0.5 ? items.length : below(items.length + 1), pick([[1, 'two'], [{ three: 3 }], [new Uint8Array([3])]]))
}

const editNested = map => {
  const target = map.get(pick('mno'))
  if (!target || random() < 0.2) {
    const list = new Y.Array()
    list.push([1, 2])
    map.set(pick('mno'), new Y.Map([['n', below(9)], ['list', list], ['t', new Y.Text('hi😀')]]))
  } else {
    if (random() < 0.5) target.set(pick('xyz'), below(99))
    else if (target.get('list')) target.get('list').push([below(9)])
    if (random() < 0.3 && target.get('t')) target.get('t').insert(0, 'go ')
  }
}

const editXml = node => {
  const children = node.toArray().filter(child => child instanceof Y.XmlElement)
  const choice = random()
  if (children.length && choice < 0.4) return editXml(pick(children))
  if (choice < 0.6 || !node.length) {
    const text = new Y.XmlText()
    text.insert(0, pick(words))
    const element = new Y.XmlElement(pick(['paragraph', 'heading']))
    element.insert(0, [text])
    element.setAttribute('level', pick(['1', 2]))
    return node.insert(below(node.length + 1), [element])
  }
  const child = node.get(below(node.length))
  if (choice < 0.7) return node.delete(below(node.length), 1)
  if (child instanceof Y.XmlText) editText(child)
  else random() < 0.7 ? child.setAttribute(pick(['level', 'id']), pick(['1', 7])) : child.removeAttribute('level')
}

class Peer {
  constructor (actor) {
    this.actor = actor
    this.restart()
  }

  restart () {
    const old = this.doc
    this.doc = new Y.Doc({ gc: random() < 0.7 })
    this.doc.clientID = 1 + below(2 ** 32 - 1)
    if (old) Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(old), 'remote')
    this.outbox = this.outbox || []
    this.doc.on('update', (update, origin) => { if (origin !== 'remote') this.outbox.push(update) })
    this.roots = mode === 'xml'
      ? [this.doc.getXmlFragment('xml')]
      : [this.doc.getText('text'), this.doc.getMap('map'), this.doc.getArray('items')]
    this.undo = new Y.UndoManager(this.roots, { captureTimeout: 0 })
  }

  edit () {
    this.doc.transact(() => {
      for (let n = pick([1, 1, 1, 2, 4]); n > 0; n--) {
        if (mode === 'xml') editXml(this.roots[0])
        else pick([() => editText(this.roots[0]), () => editMap(this.roots[1]), () => editItems(this.roots[2]), () => editNested(this.roots[1])])()
      }
    })
  }

  exchange () {
    const way = random()
    let updates
    if (way < 0.45) updates = this.outbox
    else if (way < 0.65 && this.outbox.length) updates = [Y.mergeUpdates(this.outbox)]
    else if (way < 0.8) updates = [Y.diffUpdate(Y.encodeStateAsUpdate(this.doc), Y.encodeStateVector(hub))]
    else updates = [Y.encodeStateAsUpdate(this.doc, random() < 0.4 ? undefined : Y.encodeStateVector(hub))]
    for (const update of updates) {
      send(this, update)
      if (random() < 0.1) send(this, update)
    }
    this.sent = (this.sent || []).concat(updates)
    if (random() < 0.1 && this.sent.length) send(this, pick(this.sent))
    if (random() < 0.05 && this.sent.length > 2) send(this, Y.mergeUpdates(this.sent.filter(() => random() < 0.6).concat(this.sent.slice(-1))))
    this.outbox = []
    Y.applyUpdate(this.doc, Y.encodeStateAsUpdate(hub, Y.encodeStateVector(this.doc)), 'remote')
  }
}

const peers = ['ann', 'bob', 'cyd'].map(actor => new Peer(actor))
for (let step = 0; step < steps; step++) {
  const peer = pick(peers)
  if (random() < 0.12) random() < 0.7 ? peer.undo.undo() : peer.undo.redo()
  else peer.edit()
  if (random() < 0.4) peer.exchange()
  else if (random() < 0.05) peer.restart()
}
for (const peer of [...peers, ...peers]) peer.exchange()
print({
  state: mode === 'xml'
    ? { xml: hub.getXmlFragment('xml').toString() }
    : { text: hub.getText('text').toString(), keys: [...hub.getMap('map').keys()].sort(), items: hub.getArray('items').length }
})

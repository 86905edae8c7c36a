// Honest Yjs replicas whose blocks stay in pieces: what an undo manager redid, and what a document without collection deleted.
// Prints one JSON line each: {name, update: the whole replica, text}.
import * as Y from 'yjs'

const cases = {
  redone: text => {
    const undo = new Y.UndoManager(text, { captureTimeout: 0 })
    for (let n = 0; n < 300; n++) text.insert(text.length, `w${n} `)
    for (let n = 0; n < 300; n++) undo.undo()
    for (let n = 0; n < 300; n++) undo.redo()
  },
  everyOther: text => {
    text.insert(0, 'some text '.repeat(1000))
    for (let n = 0; n < 2000; n++) text.delete(n, 1)
  }
}
for (const [name, edit] of Object.entries(cases)) {
  const doc = new Y.Doc({ gc: name === 'redone' })
  const text = doc.getText('text')
  edit(text)
  const update = Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64')
  process.stdout.write(JSON.stringify({ name, update, text: text.toString() }) + '\n')
}

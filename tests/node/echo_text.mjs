// Puts standard input into a Y.Text of the given root, sends it to a second document as an update, prints what arrived.
import { readFileSync } from 'node:fs'
import * as Y from 'yjs'

const root = process.argv[2]
if (!root) throw new Error('usage: echo_text.mjs ROOT < text')
const [first, second] = [new Y.Doc(), new Y.Doc()]
first.getText(root).insert(0, readFileSync(0, 'utf8'))
Y.applyUpdate(second, Y.encodeStateAsUpdate(first))
process.stdout.write(second.getText(root).toString())

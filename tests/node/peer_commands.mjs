// What a peer of a test can be told to do, in Node and in a page alike. Knows no runtime: modules come in as arguments.
// A peer is `{doc, provider}`, read anew for every command: a handle of ours may have replaced them.
export const commandsOf = (Y, peer) => ({
  insert: ({ root, index, text }) => peer().doc.getText(root).insert(index, text),
  delete: ({ root, index, length }) => peer().doc.getText(root).delete(index, length),
  push: ({ root, items }) => peer().doc.getArray(root).push(items),
  set: ({ root, key, value }) => { peer().doc.getMap(root).set(key, value) },
  many: ({ root, count }) => {
    const text = peer().doc.getText(root)
    for (let i = 0; i < count; i++) text.insert(text.length, String(i % 10))
  },
  text: ({ root }) => peer().doc.getText(root).toString(),
  array: ({ root }) => peer().doc.getArray(root).toJSON(),
  map: ({ root }) => peer().doc.getMap(root).toJSON(),
  shown: ({ root }) => {
    const found = peer().doc.get(root)
    return found instanceof Y.Text || found instanceof Y.Array || found instanceof Y.Map ? found.toJSON() : null
  },
  state: () => {
    let text = ''
    for (const byte of Y.encodeStateAsUpdate(peer().doc)) text += String.fromCharCode(byte)
    return btoa(text)
  },
  me: () => peer().doc.clientID,
  awareness: ({ state }) => peer().provider.awareness.setLocalState(state),
  present: () => Object.fromEntries(peer().provider.awareness.getStates()),
  leave: () => peer().provider.disconnect()
})

// Requests by hand: what anybody's fetch would do.
export const fetched = async ({ url, method, headers, body }) => {
  try {
    const answer = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
    return { status: answer.status, etag: answer.headers.get('etag'), body: await answer.json() }
  } catch (error) {
    return { failed: error.name }
  }
}

// What the package does for a test: edits are remembered by a number, so that their outcome can be asked for later.
export const handleCommands = (handle, say) => {
  const outcomes = new Map()
  const told = error => {
    const { name, message, value, version, writer } = error
    return { ...error, name, message, value, version, writer }
  }
  const attempt = async act => {
    try {
      return { done: await act() }
    } catch (error) {
      return told(error)
    }
  }
  handle.on('synced', () => say({ event: 'synced' }))
  for (const event of ['version', 'status']) handle.on(event, detail => say({ event, detail }))
  handle.on('reset', ({ doc, previous, error, unsaved }) => {
    say({
      event: 'reset',
      client: doc.clientID,
      previous: previous.clientID,
      living: doc === handle.doc,
      old_text: previous.getText('draft').toString(),
      error: told(error),
      unsaved: unsaved.map(one => one.refused)
    })
  })
  handle.on('stopped', ({ error }) => say({ event: 'stopped', error: told(error) }))
  const changes = {
    append: ({ root, text }) => doc => doc.getText(root).insert(doc.getText(root).length, text),
    push: ({ root, item }) => doc => doc.getArray(root).push([item]),
    cut: ({ root }) => doc => doc.getText(root).delete(0, 1),
    forge: ({ key }) => doc => { doc.getMap('guarded').set(key, { value: 'forged' }) },
    throwing: ({ root }) => doc => {
      doc.getText(root).insert(0, 'half ')
      throw new Error('in the middle')
    },
    nothing: () => () => 7
  }
  let reading = null
  const field = ({ name, key }) => handle.http.guarded(name, key)
  return {
    edit: ({ edits }) => {
      for (const { id, change, ...given } of edits) outcomes.set(id, attempt(() => handle.edit(changes[change](given))))
    },
    outcome: ({ id }) => outcomes.get(id),
    saved: () => attempt(() => handle.whenSaved()),
    synced: () => attempt(() => handle.whenSynced()),
    state_of: () => ({ state: handle.state, pending: handle.pending, version: handle.version, url: handle.provider.url }),
    read: async given => (reading = await field(given).read()),
    commit: given => attempt(() => field(given).commit(given.value, { expect: given.new ? null : reading, why: given.why })),
    commit_again: async given => {
      const lost = await field(given).commit(given.value, { expect: reading }).catch(error => error)
      return attempt(() => field(given).commit({ ...lost.value, ...given.value }, { expect: lost.reading }))
    },
    update: ({ why, attempts, ...given }) =>
      attempt(() => field(given).update(value => ({ n: (value?.n ?? 0) + 1 }), { why, attempts })),
    region: ({ kind, name, act, given }) => attempt(() => handle.http[kind](name)[act](...given)),
    document: ({ at }) => attempt(() => handle.http.read({ at })),
    close: () => handle.close()
  }
}

/** accordant for JavaScript. What each thing promises stands in README.md. */

export type Token = string | (() => string | Promise<string>)

export interface HttpOptions {
  /** Who you are. Not needed with a token, which says it. */
  agent?: string
  token?: Token
  fetch?: typeof fetch
  /** Of one request; 30,000 unless told. */
  timeoutMs?: number
}

export interface ConnectOptions {
  /** The module `yjs`. */
  Y: any
  /** The class of that name of `y-websocket`, 2.1 or 3. */
  WebsocketProvider: any
  /** Where there is no global WebSocket: the class of the package `ws`. */
  WebSocketPolyfill?: any
  /** Who you are; with a token, whose it is. */
  agent: string
  token?: Token
  fetch?: typeof fetch
  /** More options of the provider, such as `maxBackoffTime`. */
  providerOptions?: Record<string, unknown>
}

/** An edit that was made outside `edit` and was not confirmed. */
export interface Unsaved {
  /** Yjs updates, as the thrown away document made them. */
  updates: Uint8Array[]
  /** Whether it certainly is what was refused. */
  refused: boolean
}

export interface Events {
  /** The replica was thrown away; `doc` is the fresh one, `previous` stays readable. */
  reset: { doc: any, previous: any, error: AccordantError, unsaved: Unsaved[] }
  synced: { doc: any }
  version: number
  status: State
  /** For good. */
  stopped: { doc: any, error: AccordantError, unsaved: Unsaved[] }
}

export type State = 'connecting' | 'live' | 'stopped' | 'closed'

export function connect (url: string, namespace: string | string[], document: string, options: ConnectOptions): Handle

export class Handle {
  readonly doc: any
  readonly provider: any
  readonly awareness: any
  readonly state: State
  readonly version: number
  /** How many edits the authority has not confirmed. */
  readonly pending: number
  /** The same document over HTTP. */
  readonly http: DocumentClient
  on<E extends keyof Events> (event: E, listener: (detail: Events[E]) => void): () => void
  whenSynced (): Promise<void>
  whenSaved (): Promise<void>
  edit<T> (change: (doc: any) => T): Promise<T>
  close (): void
}

export interface Reading<V = any> {
  path: string
  value: V
  version: number
  by: string | null
  at: string | null
  etag: string
  entries?: Array<{ ref: string, version: number, by: string, at: string, value: any }>
}

export interface Landed {
  path: string
  version: number
  duplicate: boolean
  refs?: string[]
}

export interface About {
  why?: string
  /** Readings that this was derived from: when one has changed, `StaleError`. */
  derivedFrom?: Reading[]
}

export function openDocument (url: string, namespace: string | string[], document: string, options?: HttpOptions): DocumentClient

export class DocumentClient {
  private constructor ()
  read (options?: { at?: number }): Promise<{ document: string, version: number, regions: Record<string, any> }>
  guarded<V = any> (name: string, key?: string): GuardedField<V>
  log (name: string): Pick<Region, 'read' | 'append'>
  unionSet (name: string): Pick<Region, 'read' | 'add' | 'discard'>
  counter (name: string): Pick<Region, 'read' | 'increment'>
  text (name: string): Pick<Region, 'read' | 'append' | 'insert' | 'replace'>
  map (name: string): Pick<Region, 'read' | 'set' | 'remove'>
}

export class Region {
  private constructor ()
  read (options?: { atLeast?: number }): Promise<Reading>
  append (item: any, about?: About): Promise<Landed>
  add (item: any, about?: About): Promise<Landed>
  discard (item: any, about?: About): Promise<Landed>
  increment (by?: number, about?: About): Promise<Landed>
  insert (index: number, text: string, about?: About): Promise<Landed>
  replace (old: string, text: string, about?: About): Promise<Landed>
  set (key: string, value: any, about?: About): Promise<Landed>
  remove (key: string): Promise<Landed>
}

export class GuardedField<V = any> {
  private constructor ()
  read (options?: { atLeast?: number }): Promise<Reading<V | null>>
  /** `expect: null` lands only where nothing was ever written. */
  commit (value: V, about: About & { expect: Reading | null }): Promise<Reading<V>>
  remove (about: { expect: Reading | null, why?: string }): Promise<Landed>
  update (derive: (value: V | null) => V | Promise<V>, options?: { why?: string, attempts?: number }): Promise<Reading<V>>
}

export class AccordantError extends Error {
  readonly code: string
  readonly outcome: string
  readonly retryable: boolean
  readonly fields: Record<string, any>
  readonly next: string | null
}
export class ConflictError extends AccordantError {
  readonly reading: Reading | null
  readonly value: any
  readonly version: number | null
  readonly writer: string | null
}
export class StaleError extends AccordantError {}
export class FencedError extends AccordantError {}
export class DeniedError extends AccordantError {}
export class UnauthorizedError extends AccordantError {}
export class InvalidError extends AccordantError {}
export class NotFoundError extends InvalidError {}
export class PreconditionError extends InvalidError {}
export class TooMuchError extends AccordantError {}
export class UnavailableError extends AccordantError {}
export class RefusedError extends AccordantError {}
export class ClosedError extends AccordantError {}

/**
 * accordant for JavaScript: plain ES modules, nothing bundled, nothing built. `yjs` and `y-websocket` are handed in by whoever
 * calls; reads and commits over HTTP need neither.
 *
 * @module accordant
 */

export { connect, Handle } from './handle.js'
export { openDocument, DocumentClient, GuardedField, Region } from './http.js'
export {
  AccordantError, ClosedError, ConflictError, DeniedError, FencedError, InvalidError, NotFoundError, PreconditionError,
  RefusedError, StaleError, TooMuchError, UnauthorizedError, UnavailableError
} from './errors.js'

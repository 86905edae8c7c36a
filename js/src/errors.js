/**
 * The error tree. The class says what happened, `code` is stable, `retryable` says whether trying again can help, `fields` are
 * the facts, `next` what to do. Built from problem+json, from our own messages, or from a close code; never holds a token.
 *
 *     AccordantError
 *       ConflictError         somebody else's write landed first: `value`, `version`, `writer`, a fresh `reading`
 *       StaleError            something that the write was derived from has changed
 *       FencedError           the generation or the document in which it was read has ended
 *       DeniedError           a rule or a grant forbids it
 *       UnauthorizedError     no token, or none that is good
 *       InvalidError          it does not fit
 *         NotFoundError       no such document, region or version
 *         PreconditionError   a guarded write that names nothing that it replaces
 *       TooMuchError          too large, or too much at once
 *       UnavailableError      nobody may decide now, or nobody could be reached
 *       RefusedError          the authority refused an edit of this replica
 *       ClosedError           the handle was closed before it landed
 */

export class AccordantError extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, outcome?: string, retryable?: boolean, fields?: Record<string, any>, next?: string | null}} [facts]
   */
  constructor (message, { code = 'error', outcome = 'error', retryable = false, fields = {}, next = null } = {}) {
    super(message)
    this.name = new.target.name
    this.code = code
    this.outcome = outcome
    this.retryable = retryable
    this.fields = fields
    this.next = next
  }
}

export class ConflictError extends AccordantError {
  /** What is there now, to derive from anew; null when the answer did not say. @type {any} */
  reading = null
  get value () { return this.reading?.value ?? null }
  get version () { return this.reading?.version ?? null }
  get writer () { return this.reading?.by ?? null }
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

/** @type {Record<number, typeof AccordantError>} */
const BY_STATUS = {
  400: InvalidError,
  401: UnauthorizedError,
  403: DeniedError,
  404: NotFoundError,
  405: InvalidError,
  409: FencedError,
  410: NotFoundError,
  412: ConflictError,
  413: TooMuchError,
  415: InvalidError,
  422: InvalidError,
  428: PreconditionError,
  429: TooMuchError,
  503: UnavailableError
}

/** @type {Record<number, typeof AccordantError>} */
const BY_CLOSE_CODE = {
  1009: TooMuchError,
  4400: InvalidError,
  4401: UnauthorizedError,
  4403: DeniedError,
  4404: NotFoundError,
  4406: InvalidError,
  4408: UnavailableError,
  4409: RefusedError,
  4410: FencedError,
  4411: FencedError,
  4413: TooMuchError,
  4422: InvalidError
}

/** @type {Record<string, typeof AccordantError>} */
const BY_TYPE = {
  Conflict: ConflictError,
  StaleRead: StaleError,
  Fenced: FencedError,
  EpochChanged: FencedError,
  Denied: DeniedError,
  Invalid: InvalidError,
  SchemaError: InvalidError,
  NoAuthority: UnavailableError,
  StoreError: UnavailableError
}

/** The text without the secret, whoever put it there. */
export function redacted (/** @type {string} */ text, /** @type {string | null | undefined} */ secret) {
  return secret ? text.split(secret).join('[token]') : text
}

/**
 * The error of one of our messages: `{type, status, code, retryable, message, fields}`.
 *
 * @param {any} told
 * @param {typeof AccordantError} [kind] instead of the one that `type` names
 */
export function errorOfMessage (told, kind) {
  const { type, status, code, retryable, message, fields } = told ?? {}
  const { hint = null, ...rest } = fields ?? {}
  return new (kind ?? BY_TYPE[type] ?? AccordantError)(String(message ?? 'the server gave no reason'), {
    code, outcome: status, retryable: retryable === true, fields: rest, next: hint
  })
}

/**
 * The error of an HTTP answer.
 *
 * @param {number} status
 * @param {any} problem its problem+json, or null where the body was something else
 */
export function errorOfAnswer (status, problem) {
  const told = problem !== null && typeof problem === 'object' ? problem : {}
  const kind = told.outcome === 'stale' ? StaleError : BY_STATUS[status] ?? AccordantError
  const error = new kind(String(told.detail ?? `the server answered ${status}`), {
    code: told.code ?? `http_${status}`,
    outcome: told.outcome,
    retryable: told.retryable ?? (status === 429 || status >= 500),
    fields: { ...told.fields, http_status: status },
    next: told.next ?? null
  })
  if (error instanceof ConflictError && typeof told.etag === 'string') {
    const { path = null, at = null } = error.fields
    error.reading = { path, value: told.value ?? null, version: told.version, by: told.writer ?? null, at, etag: told.etag }
  }
  return error
}

/** The error of a close code, whose reason is `code: message`. */
export function errorOfClose (/** @type {number} */ code, /** @type {string} */ reason) {
  const found = /^([a-z][a-z0-9_]*): ([^]*)$/.exec(reason ?? '')
  return new (BY_CLOSE_CODE[code] ?? AccordantError)(found ? found[2] : reason || `the server closed with ${code}`, {
    code: found ? found[1] : `closed_${code}`,
    outcome: code === 4410 || code === 4411 ? 'fenced' : 'denied',
    fields: { close_code: code }
  })
}

/** Whether coming back unchanged cannot help. */
export function isFinal (/** @type {number} */ code) {
  return code === 1009 || (code >= 4400 && code < 4500)
}

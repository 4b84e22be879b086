/**
 * As much of HTTP/1.1 as probes and scrapers need: GET and HEAD of a path, one answer, and the connection ends.
 * Source: RFC 9112, §2 to §6.
 */

/** The longest head of a request, in bytes. */
export const headSizeMax = 8192

export interface HttpRequest {
  readonly method: string
  /** Without its query. */
  readonly path: string
}

export interface HttpAnswer {
  readonly status: 200 | 400 | 404 | 405 | 431 | 503
  readonly contentType: string
  readonly body: string
}

/** The request, "more" while its head is not whole, or the answer to what is none. */
export const readRequest = (received: Buffer): HttpRequest | "more" | HttpAnswer => {
  const end = received.indexOf("\r\n\r\n")
  if (end < 0) return received.length > headSizeMax ? plain(431, "the head of the request is too long") : "more"
  const line = received.toString("latin1", 0, received.indexOf("\r\n"))
  const [, method, target] = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.[01]$/.exec(line) ?? []
  if (method === undefined || target === undefined) return plain(400, "this is no request of HTTP/1.1")
  return { method, path: target.split("?", 1)[0]! }
}

export const plain = (status: HttpAnswer["status"], body: string): HttpAnswer => ({
  body: `${body}\n`,
  contentType: "text/plain; charset=utf-8",
  status,
})

export const json = (status: HttpAnswer["status"], value: object): HttpAnswer => ({
  body: `${JSON.stringify(value)}\n`,
  contentType: "application/json",
  status,
})

const reasons: Readonly<Record<HttpAnswer["status"], string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
}

/** The whole answer; without its body when only the head was asked for. */
export const encodeAnswer = ({ body, contentType, status }: HttpAnswer, isHeadOnly: boolean): Buffer => {
  const head = [
    `HTTP/1.1 ${status} ${reasons[status]}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    "Connection: close",
    ...(status === 405 ? ["Allow: GET, HEAD"] : []),
  ]
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${isHeadOnly ? "" : body}`)
}

"""Of requests over HTTP, whatever they are about."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


class UnsupportedEncodingError(EventSystemError):
    """The body has a content encoding that the node does not unpack."""

    code = "request.encoding"
    title = "Unsupported content encoding"
    status = 415
    remedy = (
        "Send the events plain, or as one of gzip, br and zstd; other routes take plain bodies."
    )


class MalformedEncodingError(EventSystemError):
    """The body cannot be unpacked: it is not what its `Content-Encoding` says, or not whole."""

    code = "request.malformed_encoding"
    title = "The body cannot be unpacked"
    status = 400
    remedy = "Check what packs the body, and whether all of it was sent."


class BodyTooLargeError(EventSystemError):
    """The request body is larger than `server.max_body_size`."""

    code = "request.too_large"
    title = "Request body too large"
    status = 413
    remedy = "Send smaller batches, or raise `server.max_body_size`."


class HeadersTooLargeError(EventSystemError):
    """The request line and headers are larger than any client needs."""

    code = "request.headers_too_large"
    title = "Request headers too large"
    status = 431
    remedy = "Send fewer or shorter headers."


class MalformedRequestError(EventSystemError):
    """The bytes are no HTTP/1.1 request."""

    code = "request.malformed"
    title = "Malformed HTTP request"
    status = 400
    remedy = "Send HTTP/1.1; look at what a proxy between makes of the request."


class RequestTimeoutError(EventSystemError):
    """The request did not arrive within `server.header_timeout` or `server.body_timeout`."""

    code = "request.timeout"
    title = "The request took too long to arrive"
    status = 408
    remedy = "Send the request in one go, or raise the timeout."


class InvalidQueryError(EventSystemError):
    """A query parameter has a value that it cannot have."""

    code = "query.invalid"
    title = "Invalid query"
    status = 400
    remedy = "Mend the parameter that `where` names; /docs lists them."


class InvalidRequestError(EventSystemError):
    """The request's body is no JSON of the form that this route takes."""

    code = "request.invalid"
    title = "Invalid request body"
    status = 400
    remedy = "Mend the member that `where` names; /docs shows the form."


class SlowQueryError(EventSystemError):
    """A search of the stored events took longer than it may."""

    code = "query.timeout"
    title = "The search took too long"
    status = 503
    remedy = "Name a type, a subject or a source, or a shorter time; or try again later."


class RouteNotFoundError(EventSystemError):
    """Nothing is served at this path."""

    code = "request.not_found"
    title = "Not found"
    status = 404
    remedy = "See /docs for the routes."


class MethodNotAllowedError(EventSystemError):
    """The path exists, but not with this method."""

    code = "request.method"
    title = "Method not allowed"
    status = 405
    remedy = "See /docs for the routes and their methods."


class UnauthorizedError(EventSystemError):
    """No key was sent, or one that is not known."""

    code = "auth.required"
    title = "A valid API key is required"
    status = 401
    remedy = "Send `Authorization: Bearer <key>`; `event-system keys create` makes one."


class ProbeDisabledError(EventSystemError):
    """`GET /api/events/trigger` is switched off."""

    code = "probe.disabled"
    title = "The probe route is switched off"
    status = 403
    remedy = "Use POST, or set `server.probe_route: true`."


class ApiElsewhereError(EventSystemError):
    """The node has not the role `api`: it takes no requests but for its health."""

    code = "node.no_api"
    title = "This node takes no requests"
    status = 503
    remedy = "Send requests to a node with the role `api`; /health and /metrics answer here too."

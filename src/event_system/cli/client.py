"""How commands ask a running node: its address, the key, and its answers and errors as ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx
import typer

from event_system.http.errors_doc import all_errors
from event_system.kernel.errors import EventSystemError, ServerUnreachableError

DEFAULT_URL: Final = "http://127.0.0.1:8080"
URL_VARIABLE: Final = "EVENT_SYSTEM_URL"
KEY_VARIABLE: Final = "EVENT_SYSTEM_API_KEY"
TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)

UrlOption = Annotated[str, typer.Option("--url", envvar=URL_VARIABLE, help="Address of the node.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar=KEY_VARIABLE, help="API key, where the node wants one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@dataclass(frozen=True, slots=True)
class Connection:
    """A node's address, and the key to show there."""

    url: str
    key: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"} if self.key else {}

    def options(self) -> dict[str, Any]:
        """What every HTTP client of this connection is made with."""
        return {"base_url": self.url, "headers": self.headers, "timeout": TIMEOUT}

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer; query members that are None are left out."""
        return self._ask("GET", path, params=without_none(query or {}))

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded answer to a JSON body."""
        told = {"content-type": "application/json", **(headers or {})}
        return self._ask("POST", path, content=body, headers=told)

    def put(
        self,
        path: str,
        body: bytes,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded answer to a JSON body; query members that are None are left out."""
        told = {"content-type": "application/json", **(headers or {})}
        asked = without_none(query or {})
        return self._ask("PUT", path, content=body, headers=told, params=asked)

    def delete(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer, None where it is empty; query members that are None are left out."""
        return self._ask("DELETE", path, params=without_none(query or {}))

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        with reaching(self.url), httpx.Client(**self.options()) as client:
            answer = client.request(method, path, **request)
            return decoded(answer)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Tell transport faults as `ServerUnreachableError`."""
    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise unreachable(url, error) from error


def unreachable(url: str, error: Exception) -> ServerUnreachableError:
    return ServerUnreachableError(f"{url}: {str(error) or type(error).__name__}", where=url)


def decoded(answer: httpx.Response) -> Any:
    """The answer's JSON. Raises the node's error as the class that it has here."""
    if answer.is_success:
        return json_of(answer) if answer.content else None
    raise error_of(answer)


def json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise ServerUnreachableError(
            f"{answer.request.url}: what answers is no node of event-system"
        ) from error


def error_of(answer: httpx.Response) -> EventSystemError:
    """The error that a problem answer tells; a foreign answer is told by its status."""
    problem = json_of(answer)
    if not isinstance(problem, dict) or "code" not in problem:
        told = f"{answer.request.url} answers {answer.status_code}"
        return ServerUnreachableError(f"{told}: {problem}" if isinstance(problem, str) else told)
    known = {error.code: error for error in all_errors()}
    class_ = known.get(problem["code"], EventSystemError)
    detail = str(problem.get("detail", ""))
    where = problem.get("where")
    told = f"{detail} ({where})" if where and where not in detail else detail
    error = class_(told, where=where)
    error.faults = tuple(problem.get("faults", ()))
    return error


def without_none(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}

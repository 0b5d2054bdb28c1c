"""What requests ask for, as FastAPI understood it, so that it need not understand the same again.

FastAPI takes several times as long to route a request and to validate its query as everything else takes together.
What it makes of them depends on nothing but path and query, so it is remembered: the first request with a query goes
FastAPI's way, those that follow take a short cut. Nothing is validated in another way, or left out.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from fastapi.routing import APIRoute
from starlette.types import Scope

from service.operation import Operation

_MOST = 256
"""Calls remembered; clients that make up new queries go the longer way, and push others onto it for one request."""

_Key: TypeAlias = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a request asks for: by name, or the default; at a version, or the newest."""

    name: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its options, the model that it is asked of, and the route that it was found under."""

    operation: Operation
    choice: Choice
    route: APIRoute

    @property
    def path(self) -> str:
        """The route's path: what it is counted under."""
        return self.route.path


@dataclass
class Calls:
    """Calls by the path and the query, as they came, of the POST requests that mean them."""

    is_open: bool = True
    _calls: dict[_Key, Call] = field(default_factory=dict)

    def find(self, scope: Scope) -> Call | None:
        """What a request means, if one with its path and query was understood before."""
        return self._calls.get((scope["path"], scope["query_string"])) if scope["method"] == "POST" else None

    def remember(self, scope: Scope, call: Call) -> None:
        """Let POST requests with the path and query of this one mean `call`."""
        key = scope["path"], scope["query_string"]
        if self.is_open and key not in self._calls and not scope.get("root_path"):
            while len(self._calls) >= _MOST:
                del self._calls[next(iter(self._calls))]
            self._calls[key] = call

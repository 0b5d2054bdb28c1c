"""The headers of a request as they came: names in lower case, values in Latin-1 (ASGI)."""

from starlette.types import Scope


def index_headers(scope: Scope) -> None:
    """Let the headers of a request be looked up; of several with one name, the first."""
    headers = scope["headers"]
    scope.setdefault("state", {})["headers"] = dict(reversed(headers))


def header(scope: Scope, name: bytes) -> str:
    """The value of a header, of several the first; empty where there is none."""
    value: bytes = scope["state"]["headers"].get(name, b"")
    return value.decode("latin-1")


def header_list(scope: Scope, name: bytes) -> str:
    """All values of a header that may come several times, as one list (RFC 9110, section 5.2)."""
    if len(scope["state"]["headers"]) == len(scope["headers"]):
        return header(scope, name)
    return ", ".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)

"""Every failure as a problem document (RFC 9457): the one place where an error becomes an answer."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from service.errors import (
    MAX_FAULTS,
    Fault,
    HourglassError,
    InternalError,
    InvalidParameter,
    MethodNotAllowed,
    NoSuchPath,
    Refusal,
)
from service.media import PROBLEM

_log = logging.getLogger("hourglass.problems")

_OF_FRAMEWORK: Mapping[int, Refusal] = {
    HTTPStatus.NOT_FOUND: NoSuchPath("Nothing is served at this path; GET /docs lists the routes."),
    HTTPStatus.METHOD_NOT_ALLOWED: MethodNotAllowed("This path does not answer this method; see the Allow header."),
}


def install_problems(app: FastAPI) -> None:
    """Let every failure of an application, its framework's included, end in a problem document."""
    app.add_exception_handler(HourglassError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid_parameters)
    app.add_exception_handler(HTTPException, _framework_refused)
    app.add_exception_handler(ClientDisconnect, _client_left)
    app.add_exception_handler(Exception, _defect)


def problem(refusal: Refusal, request_id: str) -> Response:
    """The answer that a refusal is."""
    document: dict[str, Any] = {
        "type": f"/problems/{refusal.slug}",
        "title": refusal.title,
        "status": int(refusal.status),
        "detail": refusal.detail,
        "request_id": request_id,
        "errors": [_fault(fault) for fault in refusal.faults[:MAX_FAULTS]],
    }
    content = orjson.dumps(document)
    return Response(content, refusal.status, media_type=PROBLEM, headers=refusal.headers)


def _fault(fault: Fault) -> dict[str, str]:
    places = {"pointer": fault.pointer, "parameter": fault.parameter}
    return {"detail": fault.detail} | {name: place for name, place in places.items() if place is not None}


def _respond(request: Request, refusal: Refusal) -> Response:
    return problem(refusal, getattr(request.state, "request_id", ""))


def _refused(request: Request, error: Exception) -> Response:
    return _respond(request, error) if isinstance(error, Refusal) else _defect(request, error)


def _invalid_parameters(request: Request, error: Exception) -> Response:
    """FastAPI's own refusals, which would echo their input."""
    assert isinstance(error, RequestValidationError)
    by_parameter = {str(found["loc"][1]): found["msg"] for found in reversed(error.errors()) if len(found["loc"]) > 1}
    faults = [Fault(detail, parameter=name) for name, detail in reversed(by_parameter.items())]
    first = faults[0]
    return _respond(request, InvalidParameter(f"{first.parameter}: {first.detail}.", faults))


def _framework_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = _OF_FRAMEWORK.get(error.status_code)
    if known is None:
        return _defect(request, error)
    return _respond(request, type(known)(known.detail, headers=dict(error.headers or {})))


def _client_left(_: Request, __: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it


def _defect(request: Request, error: Exception) -> Response:
    _log.error("request %s failed", getattr(request.state, "request_id", ""), exc_info=error)
    return _respond(request, InternalError("The service could not answer; its log has the details under request_id."))

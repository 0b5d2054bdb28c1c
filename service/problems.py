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
    for kind in (HourglassError, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _respond)


async def _respond(request: Request, error: Exception) -> Response:
    return answer_to(error, getattr(request.state, "request_id", ""))


def answer_to(error: Exception, request_id: str) -> Response:
    """The answer that any failure is; what nobody named is a defect of the service, and is logged."""
    if isinstance(error, Refusal):
        return problem(error, request_id)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
    if isinstance(error, RequestValidationError):
        return problem(_of_parameters(error), request_id)
    if isinstance(error, HTTPException) and error.status_code in _OF_FRAMEWORK:
        known = _OF_FRAMEWORK[error.status_code]
        return problem(type(known)(known.detail, headers=dict(error.headers or {})), request_id)
    _log.error("request %s failed", request_id, exc_info=error)
    defect = InternalError("The service could not answer; its log has the details under request_id.")
    return problem(defect, request_id)


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


def _of_parameters(error: RequestValidationError) -> InvalidParameter:
    """FastAPI's own refusals, which would echo their input."""
    by_parameter = {str(found["loc"][1]): found["msg"] for found in reversed(error.errors()) if len(found["loc"]) > 1}
    faults = [Fault(detail, parameter=name) for name, detail in reversed(by_parameter.items())]
    first = faults[0]
    return InvalidParameter(f"{first.parameter}: {first.detail}.", faults)

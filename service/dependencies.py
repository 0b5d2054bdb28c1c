"""What routes take as arguments, so that their signatures read as prose."""

from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from service.calls import Choice
from service.errors import Fault, InvalidParameter
from service.exchange import Exchange
from service.manifest import NAME_PATTERN
from service.parts import Parts


async def get_parts(request: Request) -> Parts:
    """The parts of the application that answers."""
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(get_parts)]


Unset = SkipJsonSchema[None]
"""A parameter that is not given: a value in Python, and none that a client could send."""
ModelName = Annotated[
    Annotated[str, Field(pattern=NAME_PATTERN)] | Unset,
    Query(alias="model", description="Name of the model; without it the default model answers."),
]
ModelVersion = Annotated[
    Annotated[int, Field(ge=1, le=2**31 - 1)] | Unset,
    Query(alias="version", description="Version of the model; without it the newest one answers."),
]


async def choose(model: ModelName = None, version: ModelVersion = None) -> Choice:
    """The model that the query chooses."""
    return Choice(model, version)


ChoiceDep = Annotated[Choice, Depends(choose)]


async def _begin(request: Request, parts: Parts, choice: Choice, timeout_s: float) -> Exchange:
    model = await parts.registry.get(choice.name, choice.version)
    return Exchange(parts, request.scope, request.receive, choice, model, timeout_s)


async def begin_exchange(request: Request, parts: PartsDep, choice: ChoiceDep) -> Exchange:
    """An exchange with the chosen model, whose deadline runs from now."""
    return await _begin(request, parts, choice, parts.settings.request_timeout_s)


async def begin_map_exchange(request: Request, parts: PartsDep, choice: ChoiceDep) -> Exchange:
    """An exchange with the longer deadline of maps."""
    return await _begin(request, parts, choice, parts.settings.map_timeout_s)


ExchangeDep = Annotated[Exchange, Depends(begin_exchange)]
MapExchangeDep = Annotated[Exchange, Depends(begin_map_exchange)]


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that the route's documentation does not list, as they are mistakes; pages may have any.

    Raises:
        InvalidParameter: There is one; its name is not repeated.
    """
    documented = request.app.openapi()["paths"].get(request.scope["route"].path)
    if not request.query_params or documented is None:
        return
    operation = documented[request.method.lower()]
    known = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    if not request.query_params.keys() <= set(known):
        rule = f"takes the query parameters {', '.join(known)}" if known else "takes no query parameters"
        raise InvalidParameter(f"This route {rule}, and got another.", [Fault("unknown query parameter")])

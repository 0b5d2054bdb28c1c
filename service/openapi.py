"""The OpenAPI document: FastAPI's, with the JSON contract's types as its components."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service import __version__, schemas

_DESCRIPTION = """
Hourglass serves autoencoders: it squeezes images into short latent vectors and rebuilds images from them.

**Images come in** as JSON (base64, data URIs or numbers), as one encoded file, as a form with any number of files, or
as one `.npy` array: the `Content-Type` says which. **Answers go out** in the form that `Accept` prefers. One image and
a thousand go by the same rule. Options are query parameters, so they go with every kind of body; `?model=` and
`?version=` choose a model.

Every refusal is a problem document (RFC 9457) with a stable `type`, and points at what is wrong.
"""
_TAGS = [
    {"name": "latent space", "description": "Images to latents and back, walks and maps."},
    {"name": "models", "description": "What is served, and what is known of it."},
    {"name": "operations", "description": "For load balancers, monitoring and the curious."},
]
_BASES = (BaseModel, schemas.Body, schemas.Reply)


def install_openapi(app: FastAPI) -> None:
    """Let `app.openapi()` be the whole document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def build_document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application."""
    document = get_openapi(
        title="Hourglass", version=__version__, description=_DESCRIPTION, tags=_TAGS, routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    types = [value for value in vars(schemas).values() if isinstance(value, type) and issubclass(value, BaseModel)]
    _, definitions = models_json_schema(
        [(model, "validation") for model in types if model not in _BASES],
        ref_template="#/components/schemas/{model}",
    )
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        operation["summary"], _, rest = operation.get("description", "").partition("\n\n")
        operation["description"] = rest or operation["summary"]
    document["components"] = {"schemas": dict(sorted(definitions["$defs"].items()))}
    return document

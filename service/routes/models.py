"""GET /models and /models/{name}: what is served, and what is known of it."""

import dataclasses
from typing import Annotated

from fastapi import APIRouter, Path

from service.dependencies import ModelVersion, PartsDep
from service.errors import NoSuchModel, NoSuchVersion, NotReady
from service.examples import MODEL
from service.limits import most_images
from service.manifest import NAME_PATTERN
from service.parts import Parts
from service.route_docs import json_answer
from service.schemas import ComputeReply, Limits, Links, ModelDetail, ModelsReply, ModelSummary
from service.served import ServedModel

router = APIRouter(prefix="/models", tags=["models"])

Name = Annotated[
    str, Path(pattern=NAME_PATTERN, description="Name of the model.", openapi_examples={MODEL: {"value": MODEL}})
]


@router.get("", responses=json_answer(ModelsReply, "Every model, with the version that answers."))
async def list_models(parts: PartsDep) -> ModelsReply:
    """List every model that is served."""
    models = [_summary(parts, model) for model in parts.registry.served]
    compute = ComputeReply(**dataclasses.asdict(parts.compute))
    return ModelsReply(default=parts.registry.default_name, models=models, compute=compute)


@router.get(
    "/{name}",
    responses=json_answer(
        ModelDetail, "The manifest, limits, metrics and links.", NoSuchModel, NoSuchVersion, NotReady
    ),
)
async def show_model(parts: PartsDep, name: Name, version: ModelVersion = None) -> ModelDetail:
    """Tell everything that is known of one model."""
    model = await parts.registry.get(name, version)
    manifest = model.bundle.manifest
    return ModelDetail(
        **dict(_summary(parts, model)),
        classes=list(manifest.dataset.classes),
        training=manifest.config,
        seed=manifest.seed,
        software=manifest.versions,
        data=manifest.dataset,
        all_metrics=model.bundle.metrics,
        history=model.bundle.history,
        files=manifest.files,
    )


def _summary(parts: Parts, model: ServedModel) -> ModelSummary:
    manifest = model.bundle.manifest
    return ModelSummary(
        name=model.name,
        version=model.version,
        versions=list(parts.registry.versions(model.name)),
        created=manifest.created,
        image=manifest.image,
        latent_dim=manifest.latent_dim,
        dataset=manifest.dataset.name,
        metrics=manifest.metrics,
        limits=Limits(**parts.settings.model_dump() | {"max_images": most_images(parts.settings, manifest.image)}),
        links=_links(parts, model),
    )


def _links(parts: Parts, model: ServedModel) -> Links:
    """Where to go on: the model's own page and every operation on exactly this version."""
    is_newest = parts.registry.versions(model.name)[-1:] == (model.version,)
    version = "" if is_newest else f"version={model.version}"
    operations = ("encode", "decode", "reconstruct", "interpolate", "tsne")
    query = "&".join(filter(None, (f"model={model.name}", version)))
    shown = {"self": "", "reference": "/reference", "reference_images": "/reference/images", "report": "/report"}
    pages = {key: f"/models/{model.name}{path}" + (f"?{version}" if version else "") for key, path in shown.items()}
    return Links(**pages, **{operation: f"/{operation}?{query}" for operation in operations})

"""GET /health/live and /health/ready: for whoever decides where requests go. They wait for nothing."""

from fastapi import APIRouter

from service.dependencies import PartsDep
from service.errors import NotReady
from service.route_docs import json_answer
from service.schemas import Live, Ready

router = APIRouter(prefix="/health", tags=["operations"])


@router.get("/live", responses=json_answer(Live, "The process answers."))
async def live() -> Live:
    """Tell whether the process runs; restart it when this fails."""
    return Live()


@router.get("/ready", responses=json_answer(Ready, "Models are loaded, checked and warm.", NotReady))
async def ready(parts: PartsDep) -> Ready:
    """Tell whether requests can be answered; send none while this fails."""
    if not parts.registry.is_loaded:
        raise NotReady("The models are being loaded.", headers={"Retry-After": "1"})
    if parts.registry.default_name is None:
        raise NotReady("The models folder has no valid bundle of the default model.", headers={"Retry-After": "5"})
    patience_s = parts.settings.request_timeout_s
    if not all(batcher.is_healthy(patience_s) for model in parts.registry.served for batcher in model.batchers):
        raise NotReady("A model does not compute any more.", headers={"Retry-After": "5"})
    if not parts.map_pool.ready:
        raise NotReady("The map processes are starting.", headers={"Retry-After": "1"})
    return Ready(models={model.name: model.version for model in parts.registry.served})

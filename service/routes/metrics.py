"""GET /metrics: what Prometheus scrapes."""

from fastapi import APIRouter, Response

from service.dependencies import PartsDep
from service.route_docs import text_answer

router = APIRouter(tags=["operations"], default_response_class=Response)


@router.get("/metrics", responses=text_answer("All metrics, in Prometheus' text format."))
async def metrics(parts: PartsDep) -> Response:
    """Give the service's metrics."""
    return Response(parts.telemetry.render(), headers={"Content-Type": parts.telemetry.content_type})

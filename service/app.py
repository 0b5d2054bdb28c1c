"""The application: its parts, its routes, and what runs beside them. Nothing is decided here."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from subprocess import Popen
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import Receive, Scope, Send

from service import ahead, memory, slices
from service.autoencoder import set_threads
from service.context import in_context
from service.dependencies import refuse_unknown_parameters
from service.express import Express
from service.ledger import Ledger
from service.openapi import install_openapi
from service.parts import Parts
from service.problems import install_problems
from service.routes import (
    decode,
    docs,
    encode,
    health,
    interpolate,
    metrics,
    models,
    playground,
    problems,
    reconstruct,
    reference,
    tsne,
)
from service.settings import Settings
from service.shortcut import Shortcut

_PATIENCE_S = 20.0
"""How long one of several workers loads before it listens all the same: who asks whether it lives must be answered."""


class Hourglass(FastAPI):
    """FastAPI within the context of a request, so that whatever happens inside is counted and named."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the application's life."""
        if scope["type"] == "http":
            parts: Parts = self.state.parts
            call = parts.calls.find(scope)
            app = super().__call__ if call is None else Shortcut(parts, call)
            await in_context(parts, app, scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, ledger: Ledger | None = None, launched: Sequence["Popen[bytes]"] = ()) -> Hourglass:
    """Build the application of one worker, by default the only one; models load in the background once it runs.

    `launched` are its map processes, where they were started before it.
    """
    app = Hourglass(
        title="Hourglass", lifespan=_live, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False,
        dependencies=[Depends(refuse_unknown_parameters)], generate_unique_id_function=lambda route: route.name,
    )  # fmt: skip
    app.state.parts = Parts.of(settings, ledger or Ledger(), launched)
    for module in (encode, decode, reconstruct, interpolate, tsne, models, reference, health, metrics, problems):
        app.include_router(module.router)
    for pages in (playground, docs):
        app.router.include_router(pages.router)
    app.mount("/swagger-ui", docs.swagger_ui)
    app.mount("/static", playground.static)
    install_problems(app)
    install_openapi(app)
    app.openapi()  # now, since it takes long for the event loop, as does what follows
    ahead.warm_up()
    return app


@asynccontextmanager
async def _live(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Start what works in the background, and stop it in the end."""
    parts: Parts = app.state.parts
    memory.bound_heap()
    set_threads(1)  # of the event loop: what it computes itself is small
    slices.shorten()  # of the event loop, too
    following = asyncio.create_task(parts.registry.follow())
    with contextlib.suppress(ValueError, NotImplementedError, RuntimeError):  # only the main thread hears signals
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, parts.registry.look)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # blocked until here in one of several workers
    await parts.map_pool.start()
    memory.settle()
    if parts.settings.workers > 1:
        await _until_loaded(parts)
    try:
        yield {"express": Express(parts)}  # for `ExpressProtocol`, where it is the server's
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await parts.map_pool.close()
        parts.workers.close()


async def _until_loaded(parts: Parts) -> None:
    """Wait, though not for ever, for what requests need: a worker that does not listen yet gets no connections."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            while not (parts.registry.is_loaded and parts.map_pool.has_begun):
                await asyncio.sleep(0.02)

"""The short cut past FastAPI, as an ASGI application: for any request whose path and query are known."""

from dataclasses import dataclass

from fastapi import Response
from starlette.types import Receive, Scope, Send

from service.calls import Call
from service.exchange import Exchange
from service.parts import Parts
from service.problems import answer_to


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A call that is known, made for one more request."""

    parts: Parts
    call: Call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, its failures included, as FastAPI with `install_problems` does."""
        scope["route"], choice = self.call.route, self.call.choice
        response: Response
        try:
            model = await self.parts.registry.get(choice.name, choice.version)
            exchange = Exchange(self.parts, scope, receive, choice, model, self.parts.settings.request_timeout_s)
            response = await exchange.perform(self.call.operation)
        except Exception as error:
            response = answer_to(error, scope["state"]["request_id"])
        await response(scope, receive, send)

"""What does not change while a model is served, made when it is first asked for and kept with its validator."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kept:
    """The whole content of an answer."""

    content: bytes
    etag: str
    """Follows from the content alone, so that every worker and every start of the service gives the same."""

    @classmethod
    def of(cls, content: bytes) -> "Kept":
        """Content with its validator (RFC 9110, section 8.8.3)."""
        return cls(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


class Shelf:
    """Keeps answers by name; those who ask for one at the same time wait for the same making."""

    def __init__(self) -> None:
        self._making: dict[str, asyncio.Task[Kept]] = {}

    async def get(self, name: str, make: Callable[[], Awaitable[bytes]]) -> Kept:
        """What was made under this name; a failure is not kept, and goes to those who waited for it."""
        task = self._making.get(name)
        if task is None or (task.done() and task.exception() is not None):
            task = self._making[name] = asyncio.create_task(_keep(make))
        return await asyncio.shield(task)  # one that leaves does not take it from the others


async def _keep(make: Callable[[], Awaitable[bytes]]) -> Kept:
    content = await make()
    return await asyncio.to_thread(Kept.of, content)

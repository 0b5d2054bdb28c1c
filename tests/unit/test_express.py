"""When the requests of one batch are answered."""

import asyncio
from typing import Any, cast

from service.express import Express


class Computed:
    """A request as `Express` sees it once it is computed."""

    def __init__(self, answered: list["Computed"]) -> None:
        self._answered = answered

    def answer(self) -> None:
        self._answered.append(self)


def test_a_batch_is_answered_in_one_go_as_soon_as_all_of_it_is_computed() -> None:
    async def scene() -> None:
        express, answered = Express(cast(Any, None)), list[Computed]()
        rides = [Computed(answered) for _ in range(3)]
        for left, ride in zip((2, 1, 0), rides, strict=True):
            assert not answered
            express.under_way = left
            express.answer(cast(Any, ride))
        assert answered == rides
        await asyncio.sleep(0)
        assert answered == rides  # once

    asyncio.run(scene())


def test_what_is_computed_does_not_wait_for_another_batch() -> None:
    async def scene() -> None:
        express, answered = Express(cast(Any, None)), list[Computed]()
        express.under_way = 5
        rides = [Computed(answered) for _ in range(3)]
        for ride in rides:
            express.answer(cast(Any, ride))
        assert not answered
        await asyncio.sleep(0)
        assert answered == rides

    asyncio.run(scene())

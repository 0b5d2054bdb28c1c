"""When the requests of one batch are answered, and what is counted of them."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.express import Express, Series
from service.telemetry import Telemetry


class Computed:
    """A request as `Express` sees it once it is computed."""

    images, seconds = 2, 0.004

    def __init__(self, answered: list["Computed"], status: int = 200) -> None:
        self._answered = answered
        self.series: Series = "/encode", status, "mnist", "encode"

    def answer(self) -> None:
        self._answered.append(self)


def express_with(telemetry: Telemetry) -> Express:
    return Express(cast(Any, SimpleNamespace(telemetry=telemetry)))


def test_a_batch_is_answered_in_one_go_as_soon_as_all_of_it_is_computed() -> None:
    async def scene() -> None:
        express, answered = express_with(Telemetry()), list[Computed]()
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
        express, answered = express_with(Telemetry()), list[Computed]()
        express.under_way = 5
        rides = [Computed(answered) for _ in range(3)]
        for ride in rides:
            express.answer(cast(Any, ride))
        assert not answered
        await asyncio.sleep(0)
        assert answered == rides

    asyncio.run(scene())


def test_every_request_of_a_batch_is_counted_before_any_is_answered() -> None:
    telemetry = Telemetry()

    class Checking(Computed):
        def answer(self) -> None:
            super().answer()
            text = telemetry.render().decode()
            assert 'hourglass_requests_total{method="POST",route="/encode",status="200"} 3.0' in text
            assert 'hourglass_requests_total{method="POST",route="/encode",status="503"} 1.0' in text
            assert 'hourglass_images_total{model="mnist",operation="encode"} 8.0' in text
            assert 'hourglass_request_seconds_count{route="/encode"} 4.0' in text

    async def scene() -> None:
        express, answered = express_with(telemetry), list[Computed]()
        for left, status in zip((3, 2, 1, 0), (200, 503, 200, 200), strict=True):
            express.under_way = left
            express.answer(cast(Any, Checking(answered, status)))
        assert len(answered) == 4

    asyncio.run(scene())


def test_a_request_that_cannot_be_answered_keeps_nobody_from_their_answers(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Computed):
        def answer(self) -> None:
            raise ZeroDivisionError

    async def scene() -> None:
        express, answered = express_with(Telemetry()), list[Computed]()
        rides = [Computed(answered), Failing(answered), Computed(answered)]
        for left, ride in zip((2, 1, 0), rides, strict=True):
            express.under_way = left
            express.answer(cast(Any, ride))
        assert answered == [rides[0], rides[2]]

    asyncio.run(scene())
    assert "could not be answered" in caplog.text


def test_a_batch_that_cannot_be_counted_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    answered = list[Computed]()

    class Full(Telemetry):
        def count_requests(self, *_: object) -> None:
            raise OSError("no space left on the device")

    async def scene() -> None:
        express_with(Full()).answer(cast(Any, Computed(answered)))

    asyncio.run(scene())
    assert len(answered) == 1
    assert "1 requests could not be counted" in caplog.text

"""What is kept is made once, by whoever asks first, and a failure is made again."""

import asyncio

import pytest

from service.shelf import Shelf


def test_those_who_ask_at_once_wait_for_one_making() -> None:
    made = []

    async def make() -> bytes:
        made.append(1)
        await asyncio.sleep(0)
        return b"content"

    async def ask() -> set[str]:
        shelf = Shelf()
        answers = [*await asyncio.gather(*(shelf.get("name", make) for _ in range(5))), await shelf.get("name", make)]
        return {answer.etag for answer in answers}

    assert len(asyncio.run(ask())) == 1
    assert made == [1]


def test_a_failure_is_told_and_not_kept() -> None:
    async def fail() -> bytes:
        raise ValueError("not now")

    async def succeed() -> bytes:
        return b"content"

    async def ask() -> bytes:
        shelf = Shelf()
        with pytest.raises(ValueError, match="not now"):
            await shelf.get("name", fail)
        return (await shelf.get("name", succeed)).content

    assert asyncio.run(ask()) == b"content"


def test_one_who_leaves_does_not_take_it_from_the_others() -> None:
    async def ask() -> bytes:
        shelf, may_end = Shelf(), asyncio.Event()

        async def make() -> bytes:
            await may_end.wait()
            return b"content"

        leaving = asyncio.create_task(shelf.get("name", make))
        staying = asyncio.create_task(shelf.get("name", make))
        await asyncio.sleep(0)
        leaving.cancel()
        may_end.set()
        return (await staying).content

    assert asyncio.run(ask()) == b"content"


def test_the_same_content_has_the_same_validator_everywhere() -> None:
    async def make() -> bytes:
        return b"content"

    async def ask() -> set[str]:
        return {(await Shelf().get(name, make)).etag for name in ("a", "b")}

    assert len(asyncio.run(ask())) == 1

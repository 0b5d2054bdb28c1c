"""Model calls share their threads."""

import threading

import pytest
import torch

from service.workers import ModelThreads

FAR = 60.0


@pytest.mark.parametrize(("lately_s", "after"), [(0.0, 4), (FAR, 1)])
def test_a_call_alone_has_all_threads_and_those_at_once_or_lately_share_them(
    lately_s: float, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.workers._LATELY_S", lately_s)
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> int:
        count = torch.get_num_threads()
        begun.release()
        assert go_on.wait(FAR)
        return count

    with ModelThreads(4) as threads:
        assert threads.submit(torch.get_num_threads).result(FAR) == 4
        calls = []
        for _ in range(4):  # one after the other, so that each finds those before it
            calls.append(threads.submit(wait))
            assert begun.acquire(timeout=FAR)
        go_on.set()
        assert [call.result(FAR) for call in calls] == [4, 2, 1, 1]
        assert threads.submit(torch.get_num_threads).result(FAR) == after


def test_a_call_that_fails_gives_its_share_back() -> None:
    with ModelThreads(2) as threads:
        assert isinstance(threads.submit(lambda: 1 / 0).exception(FAR), ZeroDivisionError)
        assert threads.submit(torch.get_num_threads).result(FAR) == 2

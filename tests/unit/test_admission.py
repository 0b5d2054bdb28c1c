"""What is held at once is bounded, and given back however a request ends."""

import contextlib

import pytest

from service.admission import Admission
from service.errors import Overloaded


def test_a_request_holds_one_place_before_its_body_is_read() -> None:
    admission = Admission(max_images=2, max_bytes=10)
    with admission.admit(), admission.admit():
        assert admission.images == 2
        with pytest.raises(Overloaded), admission.admit():
            pass
        assert admission.images == 2
    assert admission.images == 0


def test_a_batch_takes_the_places_of_its_images_or_none_of_them() -> None:
    admission = Admission(max_images=5, max_bytes=10)
    with admission.admit() as first, admission.admit() as second:
        first.hold_images(4)
        assert admission.images == 5
        with pytest.raises(Overloaded):
            second.hold_images(2)
        assert admission.images == 5
    assert admission.images == 0


def test_the_place_of_the_first_image_is_not_counted_twice() -> None:
    admission = Admission(max_images=3, max_bytes=10)
    with admission.admit() as ticket:
        ticket.hold_images(3)
        ticket.hold_images(3)
        ticket.hold_images(0)  # a request for the reference sample holds no image of its own
        assert admission.images == 3


def test_bytes_add_up_over_all_requests() -> None:
    admission = Admission(max_images=5, max_bytes=10)
    with admission.admit() as first, admission.admit() as second:
        first.hold_bytes(6)
        second.hold_bytes(4)
        with pytest.raises(Overloaded):
            first.hold_bytes(1)
        assert admission.bytes == 10
    assert admission.bytes == 0


def test_a_request_that_fails_gives_back_what_it_held() -> None:
    admission = Admission(max_images=5, max_bytes=10)
    with contextlib.suppress(RuntimeError), admission.admit() as ticket:
        ticket.hold_images(5)
        ticket.hold_bytes(10)
        raise RuntimeError
    assert (admission.images, admission.bytes) == (0, 0)


def test_a_refusal_says_in_whole_seconds_when_to_return() -> None:
    admission = Admission(max_images=1, max_bytes=10)
    with admission.admit(), pytest.raises(Overloaded) as refused, admission.admit():
        pass
    assert refused.value.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(("typical_s", "said"), [(0.0001, "1"), (0.5, "1"), (4.2, "5"), (100.0, "60")])
def test_the_wait_is_what_a_request_takes_within_reason(typical_s: float, said: str) -> None:
    admission = Admission(max_images=10, max_bytes=10, _typical_s=typical_s)
    assert admission.overloaded().headers == {"Retry-After": said}

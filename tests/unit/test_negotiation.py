"""Content negotiation against an oracle written from RFC 9110, and against whatever a client may send."""

import contextlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import NotAcceptable
from service.media import ANIMATION_ANSWERS, IMAGE_ANSWERS, LATENT_ANSWERS, MAP_ANSWERS
from service.negotiation import negotiate

OFFERS = (LATENT_ANSWERS, IMAGE_ANSWERS, ANIMATION_ANSWERS, MAP_ANSWERS)
TYPES = sorted({media_type for offer in OFFERS for media_type in offer})
RANGES = [*TYPES, "*/*", "image/*", "application/*", "text/*", "video/*", "text/html"]


@dataclass(frozen=True)
class Wanted:
    """One element of a header, and how it is written."""

    media_range: str
    thousandths: int
    written: str


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    media_range = draw(st.sampled_from(RANGES))
    thousandths = draw(st.sampled_from([0, 0, 1, 500, 999, 1000]) | st.integers(0, 1000))
    spelled = draw(st.sampled_from([media_range, media_range.upper(), media_range.title()]))
    space = st.sampled_from(["", " ", "\t"])
    parameter = draw(st.sampled_from(["", ";level=1", '; charset="utf-8"', ";quality=0", ";qq=0", ";"]))
    digits = f"{thousandths / 1000:.3f}"
    quality = draw(st.sampled_from([digits, digits.rstrip("0"), digits.rstrip("0").rstrip(".")]))
    weight = f"{draw(space)};{draw(space)}{draw(st.sampled_from('qQ'))}={quality}"
    leaves_it_out = thousandths == 1000 and draw(st.booleans())
    written = spelled + parameter + ("" if leaves_it_out else weight)
    return Wanted(media_range, thousandths, draw(space) + written + draw(space))


def expected_answer(header: list[Wanted], offered: tuple[str, ...]) -> str | None:
    """The offered type that clients prefer, by the letter of RFC 9110, section 12.5.1; None where there is none."""

    def weight(media_type: str) -> int:
        for media_range in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
            if found := [one.thousandths for one in header if one.media_range == media_range]:
                return max(found)
        return 0

    best = max(offered, key=weight)  # the first of equals
    return best if weight(best) else None


@given(st.lists(wanted(), min_size=1, max_size=8), st.sampled_from(OFFERS))
def test_the_most_specific_range_gives_the_quality_and_the_highest_quality_wins(
    header: list[Wanted], offered: tuple[str, ...]
) -> None:
    accept = ",".join(one.written for one in header)
    expected = expected_answer(header, offered)
    if expected is None:
        with pytest.raises(NotAcceptable):
            negotiate(accept, offered)
    else:
        assert negotiate(accept, offered) == expected


@given(st.text() | st.text("*/;q=01.,ai \t\"'\\-\x00", max_size=60), st.sampled_from(OFFERS))
def test_whatever_accept_says_the_answer_is_offered_or_refused(accept: str, offered: tuple[str, ...]) -> None:
    with contextlib.suppress(NotAcceptable):
        assert negotiate(accept, offered) in offered


def test_a_refusal_names_what_is_offered_and_does_not_repeat_what_was_asked_for() -> None:
    with pytest.raises(NotAcceptable) as refused:
        negotiate("text/canary", LATENT_ANSWERS)
    assert all(media_type in refused.value.detail for media_type in LATENT_ANSWERS)
    assert "canary" not in refused.value.detail


@pytest.mark.parametrize("accept", [None, "", "  ", "\t"])
def test_without_a_preference_the_first_offer_answers(accept: str | None) -> None:
    assert negotiate(accept, ANIMATION_ANSWERS) == ANIMATION_ANSWERS[0]


@given(st.permutations(ANIMATION_ANSWERS))
def test_the_order_of_the_offer_breaks_ties(offered: list[str]) -> None:
    assert negotiate("*/*", offered) == offered[0]
    assert negotiate(",".join(reversed(offered)), offered) == offered[0]
    images = [media_type for media_type in offered if media_type.startswith("image/")]
    assert negotiate("image/*;q=0.5, image/*, */*;q=0.9", offered) == images[0]


@pytest.mark.parametrize(
    "accept",
    [
        "text/html", "json", "*", "*/json", "application/json;q=0", "*/*;q=0", "application/json;q=2",
        "application/json;q=1.001", "application/json;q=0.1234", "application/json;q=-1", "application/json;q=",
        "application/json;q=nan", "application/json;q=1e0", "application/json;q=0x1", "application /json", ",,,",
        ";q=1", "application/json;q=0;q=1, */*;q=0",
    ],
)  # fmt: skip
def test_ranges_that_exclude_every_offer_and_ranges_that_are_none_are_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        negotiate(accept, ("application/json",))


def test_a_range_that_is_none_does_not_spoil_the_others() -> None:
    assert (
        negotiate("nonsense, */nonsense, image/png;q=9, application/x-npy;q=0.1", LATENT_ANSWERS) == LATENT_ANSWERS[1]
    )


def test_an_exclusion_holds_against_a_wider_range() -> None:
    assert negotiate("image/png;q=0, image/*;q=0.2, application/json;q=0.1", IMAGE_ANSWERS) == "application/json"
    assert negotiate("*/*, application/json;q=0", LATENT_ANSWERS) == "application/x-npy"


def test_a_very_long_header_is_read() -> None:
    assert negotiate("text/x;q=0.5," * 20_000 + "application/x-npy", LATENT_ANSWERS) == "application/x-npy"

"""Fitting: it learns, it repeats to the bit, and it can be stopped and resumed at any step."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.build import build_model
from training.config import Config, FitConfig
from training.datasets import Dataset, load
from training.fit import FitState, fit, learning_rate, start
from training.reconstruction import squared_errors
from training.resolve import resolve

EPOCHS = 3


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load(Config())


@pytest.fixture
def config(quick: Config) -> Config:
    return quick


def _start(digits: Dataset, config: Config) -> FitState:
    return start(build_model(digits, config), config)


def _finish(state: FitState, digits: Dataset, config: Config) -> dict[str, Tensor]:
    for _ in fit(state, digits.train, digits.validation, config, EPOCHS):
        pass
    return state.best_model().state_dict()


def _same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("loss", ["mse", "l1", "huber", "bce"])
@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop"])
def test_every_loss_falls_under_every_optimizer(loss: str, optimizer: str, digits: Dataset) -> None:
    flags = {"loss": loss, "optimizer": optimizer, "hidden": "32"} | ({"learning-rate": 0.01} if loss == "bce" else {})
    config = resolve(None, flags)
    history = list(fit(_start(digits, config), digits.train, digits.validation, config, EPOCHS))
    assert history[-1].train_loss < history[0].train_loss, history
    assert all(math.isfinite(epoch.validation_error) for epoch in history)


def test_the_validation_error_is_the_models_own(digits: Dataset, config: Config) -> None:
    state = _start(digits, config)
    (first, *_) = fit(state, digits.train, digits.validation, config, 1)
    expected = float(squared_errors(state.best_model(), digits.validation).mean())
    assert first.validation_error == pytest.approx(expected, rel=1e-6)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(digits: Dataset, config: Config) -> None:
    once, again = (_finish(_start(digits, config), digits, config) for _ in range(2))
    other = replace(config, seed=1)
    assert _same(once, again)
    assert not _same(once, _finish(_start(digits, other), digits, other))


@pytest.mark.parametrize("steps", [0, 1, 5, 11, 17])
def test_a_run_stopped_at_any_step_ends_where_it_would_have(steps: int, digits: Dataset, config: Config) -> None:
    never_stopped = _finish(_start(digits, config), digits, config)
    state = _start(digits, config)
    taken = 0

    def stop(_: int) -> None:
        nonlocal taken
        taken += 1
        state.stop_requested = taken >= steps

    state.stop_requested = steps == 0
    list(fit(state, digits.train, digits.validation, config, EPOCHS, stop))
    assert taken == steps
    saved = state.state_dict()
    resumed = _start(digits, config)
    torch.rand(100)  # the resumed run must bring its own random state
    resumed.load_state_dict(saved)
    assert _same(never_stopped, _finish(resumed, digits, config))


def test_the_best_weights_are_kept_and_not_the_last(digits: Dataset, config: Config) -> None:
    wild = replace(config, learning_rate=0.5, schedule="constant", warmup=0.0)
    state = _start(digits, wild)
    history = list(fit(state, digits.train, digits.validation, wild, EPOCHS))
    best = min(epoch.validation_error for epoch in history)
    assert float(squared_errors(state.best_model(), digits.validation).mean()) == pytest.approx(best, rel=1e-6)


@given(
    total=st.integers(1, 10_000), warmup=st.floats(0, 0.9), schedule=st.sampled_from(["cosine", "linear", "constant"])
)
def test_the_learning_rate_stays_within_its_peak(total: int, warmup: float, schedule: str) -> None:
    config = FitConfig(schedule=schedule, warmup=warmup, learning_rate=0.01)  # type: ignore[arg-type]
    rates = [learning_rate(config, step, total) for step in range(0, total, max(1, total // 50))]
    assert all(0 <= rate <= 0.01 * (1 + 1e-12) for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)

"""The loop around `fit`: shows progress, stops early, and stops cleanly when the user asks."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from training.config import Config
from training.datasets import Dataset
from training.fit import FitState, fit
from training.progress import FitProgress


def run_epochs(
    state: FitState,
    data: Dataset,
    config: Config,
    console: Console,
    *,
    after_step: Callable[[], None] = lambda: None,
    after_epoch: Callable[[], None] = lambda: None,
) -> None:
    """Run the epochs that are left, until they are done, bring nothing more, or `state.stop_requested` by Ctrl-C.

    A linear autoencoder that begins as PCA has none: it is where training could lead at best.
    """
    epochs = 0 if config.begins_as_pca else config.epochs or 0

    def on_step(images_done: int) -> None:
        progress.step(images_done)
        after_step()

    with FitProgress(console, epochs, len(data.train), state.epoch) as progress, _stop_on_interrupt(state):
        if _patience_is_over(state, config):
            return
        for epoch in fit(state, data.train, data.validation, config, epochs, on_step):
            progress.epoch(epoch, state.best or epoch)
            after_epoch()
            if _patience_is_over(state, config):
                console.print(f"stopped early: no better validation error in {config.patience} epochs", highlight=False)
                break


def _patience_is_over(state: FitState, config: Config) -> bool:
    return bool(config.patience and state.best and state.epoch - state.best.epoch >= config.patience)


@contextmanager
def _stop_on_interrupt(state: FitState) -> Iterator[None]:
    """Turn the first Ctrl-C into a stop between two steps; a second one interrupts at once."""

    def request_stop(_signal: int, _frame: FrameType | None) -> None:
        state.stop_requested = True
        signal.signal(signal.SIGINT, previous)

    previous = signal.signal(signal.SIGINT, request_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)

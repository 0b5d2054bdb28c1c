"""What a run says while it works: a live bar on a terminal, one line an epoch elsewhere."""

import time
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from training.fit import Epoch


class FitProgress(AbstractContextManager["FitProgress"]):
    """Shows one fit. Feed it `step` with the images done in an epoch, and `epoch` with each result."""

    def __init__(self, console: Console, epochs: int, images: int, done: int) -> None:
        self._console = console
        self._epochs = epochs
        self._images = images
        self._done = done
        self._began = time.perf_counter()
        self._begun_at = done * images
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=10),
            TaskProgressColumn(),
            TextColumn("{task.fields[results]}"),
            TextColumn("{task.fields[speed]} images/s"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(
            "fit", total=epochs * images, completed=done * images, speed="-", epoch="", results=""
        )
        self._bar.update(self._task, **self._fields())  # type: ignore[arg-type]

    def __enter__(self) -> "FitProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def step(self, images_done: int) -> None:
        """Move the bar within an epoch."""
        completed = self._done * self._images + images_done
        speed = (completed - self._begun_at) / (time.perf_counter() - self._began)
        self._bar.update(self._task, completed=completed, speed=f"{speed:,.0f}")

    def epoch(self, result: Epoch, best: Epoch) -> None:
        """Note an epoch's result."""
        self._done = result.epoch
        loss, error = f"loss {result.train_loss:.5f}", f"{result.validation_error:.4f}"
        self._bar.update(self._task, **self._fields(f"{loss}  val error {error}"))  # type: ignore[arg-type]  # 80 columns
        if not self._console.is_terminal:
            mark = "  (best)" if result == best else ""
            self._console.print(
                f"epoch {result.epoch}/{self._epochs}  {loss}  validation error {error}  "
                f"{result.images_per_second:,.0f} images/s  "
                f"{result.seconds:.1f} s{mark}",
                highlight=False,
                soft_wrap=True,
            )

    def _fields(self, results: str = "") -> dict[str, str]:
        return {"epoch": f"{min(self._done + 1, self._epochs)}/{self._epochs}", "results": results}

"""Fitting a model: a state that can be saved at any step, and a generator that yields one result an epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from service.errors import TrainingError
from training.augment import CLEAN_SHARE, Warp
from training.config import FitConfig
from training.images import Images, InMemoryImages
from training.model import Autoencoder
from training.reconstruction import squared_errors, to_float

BETAS = (0.85, 0.98)
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": functional.mse_loss,
    "l1": functional.l1_loss,
    "huber": functional.huber_loss,
    "bce": functional.binary_cross_entropy,
}


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images came to."""

    epoch: int
    train_loss: float
    """Mean of the loss over the epoch's steps, while the weights moved."""
    validation_error: float
    """Mean over validation images of the squared error summed over an image."""
    learning_rate: float
    """At the epoch's last step."""
    seconds: float
    images_per_second: float


@dataclass
class FitState:
    """A run in progress: between any two steps it can be saved, and resumed to the same end."""

    model: Autoencoder
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    """Whole epochs done."""
    step: int = 0
    """Steps done in the epoch under way."""
    loss_sum: float = 0.0
    seconds: float = 0.0
    """Time spent in the epoch under way."""
    history: list[Epoch] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    stop_requested: bool = False
    """Set it, from a signal handler say, and fitting ends before the next step."""

    @property
    def best(self) -> Epoch | None:
        """The epoch with the lowest validation error so far; None before the first."""
        return min(self.history, key=lambda epoch: epoch.validation_error, default=None)

    def best_model(self) -> Autoencoder:
        """The model with its best weights so far, in evaluation mode."""
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        self.model.eval()
        return self.model

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "seconds": self.seconds,
            "history": [asdict(epoch) for epoch in self.history],
            "best_weights": self.best_weights,
            "random_state": torch.get_rng_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.step = state["epoch"], state["step"]
        self.loss_sum, self.seconds = state["loss_sum"], state["seconds"]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.best_weights = state["best_weights"]
        torch.set_rng_state(state["random_state"])


def start(model: Autoencoder, config: FitConfig) -> FitState:
    """A run that has not made its first step."""
    return FitState(model, _optimizer(model, config))


def fit(
    state: FitState,
    train: Images,
    validation: Images,
    config: FitConfig,
    epochs: int,
    on_step: Callable[[int], None] = lambda _: None,
) -> Iterator[Epoch]:
    """Fit `state.model`, yielding each epoch's result; the caller prints, saves and stops early.

    Ends after `epochs`, or between two steps once `state.stop_requested`. `on_step` hears how many images of the epoch
    are done.
    """
    device = next(state.model.parameters()).device
    if isinstance(train, InMemoryImages):
        train = train.to(device)
    steps_an_epoch = math.ceil(len(train) / config.batch_size)
    total = epochs * steps_an_epoch
    warp = Warp(state.model.height, state.model.width, device) if config.augment == "warp" else None
    while state.epoch < epochs:
        began = time.perf_counter() - state.seconds
        state.model.train()
        for batch in train.batches(config.batch_size, _order(len(train), config, state)):
            if state.stop_requested:
                return
            done = state.epoch * steps_an_epoch + state.step
            rate = learning_rate(config, done, total)
            images = to_float(batch, device)
            if warp is not None and done < (1 - CLEAN_SHARE) * total:
                images = warp(images)
            state.loss_sum += _make_step(state, images, config, rate)
            state.step += 1
            state.seconds = time.perf_counter() - began
            on_step(min(state.step * config.batch_size, len(train)))
        yield _finish_epoch(state, validation, rate, len(train))


def learning_rate(config: FitConfig, step: int, total: int) -> float:
    """The learning rate of one step: a linear warm-up, then the schedule's way down to 0 (or none)."""
    warmup_steps = max(1, round(config.warmup * total)) if config.warmup else 0
    if step < warmup_steps:
        return config.learning_rate * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total - warmup_steps)
    factors = {"cosine": 0.5 * (1 + math.cos(math.pi * progress)), "linear": 1 - progress, "constant": 1.0}
    return config.learning_rate * factors[config.schedule]


def _order(count: int, config: FitConfig, state: FitState) -> Tensor:
    """The epoch's order of images, from the seed and the epoch alone; a resumed epoch leaves out what it has done."""
    generator = torch.Generator().manual_seed(config.seed + 1_000_003 * (state.epoch + 1))
    return torch.randperm(count, generator=generator)[state.step * config.batch_size :]


def _make_step(state: FitState, images: Tensor, config: FitConfig, rate: float) -> float:
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    loss = LOSSES[config.loss](state.model(images), images)
    state.optimizer.zero_grad()
    loss.backward()
    state.optimizer.step()
    return loss.item()


def _finish_epoch(state: FitState, validation: Images, rate: float, images: int) -> Epoch:
    """Measure the validation error, keep the weights if they are the best, and make the state ready for the next."""
    state.model.eval()
    device = next(state.model.parameters()).device
    error = float(squared_errors(state.model, validation, device).mean())
    if not math.isfinite(error):
        raise TrainingError(f"the error is not finite after epoch {state.epoch + 1}: lower --learning-rate")
    result = Epoch(state.epoch + 1, state.loss_sum / state.step, error, rate, state.seconds, images / state.seconds)
    if state.best is None or error < state.best.validation_error:
        state.best_weights = {name: value.detach().clone() for name, value in state.model.state_dict().items()}
    state.history.append(result)
    state.epoch, state.step, state.loss_sum, state.seconds = state.epoch + 1, 0, 0.0, 0.0
    return result


def _optimizer(model: nn.Module, config: FitConfig) -> torch.optim.Optimizer:
    """The configured optimizer; only matrices decay, since a bias or a norm's scale has no reason to shrink."""
    trainable = [value for value in model.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in trainable if value.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [value for value in trainable if value.ndim <= 1], "weight_decay": 0.0},
    ]
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=config.learning_rate, betas=BETAS, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        case "sgd":
            return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=config.learning_rate)

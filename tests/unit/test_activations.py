"""Slopes in closed form must be torch's own."""

from typing import get_args

import pytest
import torch

from training.activations import activate, pull_back
from training.config import Activation
from training.model import Perceptron
from training.resolve import resolve

NAMES = get_args(Activation)


@pytest.mark.parametrize("name", NAMES)
def test_pulling_back_is_what_autograd_does(name: str) -> None:
    x = torch.linspace(-6, 6, 400, dtype=torch.float64).requires_grad_()
    gradient = torch.linspace(1, 2, 400, dtype=torch.float64)
    (expected,) = torch.autograd.grad(activate(name, x), x, gradient)
    torch.testing.assert_close(pull_back(name, gradient, x), expected)


def test_every_activation_but_none_changes_its_input() -> None:
    x = torch.linspace(-2, 2, 9)
    answers = {name: activate(name, x) for name in NAMES}
    assert torch.equal(answers.pop("none"), x)
    assert all(not torch.equal(answer, x) for answer in answers.values())
    assert len({tuple(answer.tolist()) for answer in answers.values()}) == len(answers)


@pytest.mark.parametrize("linear_path", [True, False])
def test_a_perceptron_pulls_back_through_all_its_layers(linear_path: bool) -> None:
    torch.manual_seed(0)
    perceptron = Perceptron([4, 7, 6, 5], resolve(None, {}), linear_path=linear_path)
    x, gradient = torch.randn(3, 4, requires_grad=True), torch.randn(3, 5)
    answer, before = perceptron.evaluate(x)
    (expected,) = torch.autograd.grad(answer, x, gradient)
    torch.testing.assert_close(perceptron.pull_back(gradient, before), expected)

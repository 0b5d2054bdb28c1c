"""Activation functions, each with its slope in closed form, so that a scripted model can compute a gradient itself."""

import torch
from torch import Tensor
from torch.nn import functional


def activate(name: str, x: Tensor) -> Tensor:  # noqa: PLR0911  (TorchScript takes no table of functions)
    """The activation function of that name (`training.config.Activation`), elementwise, same shape."""
    if name == "relu":
        return functional.relu(x)
    if name == "leaky-relu":
        return functional.leaky_relu(x)
    if name == "elu":
        return functional.elu(x)
    if name == "silu":
        return functional.silu(x)
    if name == "gelu":
        return functional.gelu(x)
    if name == "tanh":
        return torch.tanh(x)
    if name == "sigmoid":
        return torch.sigmoid(x)
    if name == "softplus":
        return functional.softplus(x)
    return x


def pull_back(name: str, gradient: Tensor, x: Tensor) -> Tensor:  # noqa: PLR0911  (as above)
    """A gradient with respect to `activate(name, x)` -> the gradient with respect to x, same shape."""
    if name == "relu":
        return gradient * (x > 0)
    if name == "leaky-relu":
        return torch.where(x > 0, gradient, 0.01 * gradient)
    if name == "elu":
        return gradient * x.clamp(max=0.0).exp()
    if name == "silu":
        gate = torch.sigmoid(x)
        return gradient * gate * (1 + x * (1 - gate))
    if name == "gelu":
        pulled: Tensor = torch.ops.aten.gelu_backward(gradient, x, approximate="none")  # one pass instead of eight
        return pulled
    if name == "tanh":
        return gradient * (1 - torch.tanh(x).square())
    if name == "sigmoid":
        gate = torch.sigmoid(x)
        return gradient * gate * (1 - gate)
    if name == "softplus":
        return gradient * torch.sigmoid(x)
    return gradient

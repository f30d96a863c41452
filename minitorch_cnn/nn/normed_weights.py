"""Weights computed from other parameters before each forward: weight norm and spectral norm."""

from __future__ import annotations

from typing import Any, TypeVar

from ..autograd.modes import no_grad
from ..random import default_generator
from ..tensor.tensor import Tensor
from .conv import _ConvTransposeNd
from .module import Module
from .parameter import Parameter

M = TypeVar("M", bound=Module)


class _Normed:
    """A forward pre-hook that computes the attribute `name` of a module."""

    def __init__(self, name: str):
        self.name = name

    def compute(self, module: Module) -> Tensor:
        """The weight for one forward."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute")

    def parts(self) -> tuple[str, ...]:
        """The names of the tensors that replace the weight."""
        raise NotImplementedError(f"{type(self).__name__} defines no parts")

    def __call__(self, module: Module, inputs: tuple[Any, ...]) -> None:
        setattr(module, self.name, self.compute(module))


class _WeightNorm(_Normed):
    def __init__(self, name: str, dim: int | None):
        super().__init__(name)
        self.dim = dim

    def parts(self) -> tuple[str, ...]:
        return f"{self.name}_g", f"{self.name}_v"

    def norm(self, v: Tensor) -> Tensor:
        """The norms of v along all axes but dim."""
        if self.dim is None:
            return (v * v).sum().sqrt()
        axes = tuple(i for i in range(v.ndim) if i != self.dim % v.ndim)
        return (v * v).sum(axes, keepdim=True).sqrt() if axes else v.abs()

    def compute(self, module: Module) -> Tensor:
        g, v = (getattr(module, part) for part in self.parts())
        return v * (g / self.norm(v))


class _SpectralNorm(_Normed):
    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int):
        super().__init__(name)
        self.n_power_iterations, self.eps, self.dim = n_power_iterations, eps, dim

    def parts(self) -> tuple[str, ...]:
        return f"{self.name}_orig", f"{self.name}_u", f"{self.name}_v"

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix (its size along dim, all other sizes)."""
        return weight.movedim(self.dim, 0).reshape(weight.shape[self.dim], -1)

    def unit(self, x: Tensor) -> Tensor:
        return x / max(float((x * x).sum().sqrt().item()), self.eps)

    def compute(self, module: Module) -> Tensor:
        weight, u, v = (getattr(module, part) for part in self.parts())
        matrix = self.matrix(weight)
        if module.training:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(self.unit(matrix.T @ u))
                    u.copy_(self.unit(matrix @ v))
        # Copies: the next forward changes u and v, perhaps before this one's backward.
        u, v = u.clone(), v.clone()
        return weight / (u * (matrix @ v)).sum()


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Learn the length and the direction of a weight: w = g v / |v| (Salimans, Kingma 2016).

    Two parameters replace `name`: name_g, the norms over all axes except dim (one norm for
    dim=None), and name_v. A forward pre-hook computes the weight. Returns the module.

    Raises: ValueError for an unknown parameter, or one that already has a norm.
    """
    weight = _taken("weight_norm", module, name)
    hook = _WeightNorm(name, dim)
    g, v = hook.parts()
    with no_grad():
        module.register_parameter(g, Parameter(hook.norm(weight.detach())))
    module.register_parameter(v, Parameter(weight.detach()))
    return _hooked(module, hook)


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> M:
    """Divide a weight by its largest singular value s, as a matrix (size along dim, other sizes)
    (Miyato et al. 2018, arXiv 1802.05957).

    The parameter name_orig replaces `name`; the buffers name_u and name_v hold the singular
    vectors. In training, each forward runs n_power_iterations of v = W'u / |W'u|, u = W v / |W v|;
    s = u'W v. dim defaults to 1 for transposed convolutions and 0 otherwise. Returns the module.

    Raises: ValueError for an unknown parameter, one that already has a norm, or no iterations.
    """
    if n_power_iterations < 1:
        raise ValueError(
            f"spectral_norm: n_power_iterations={n_power_iterations} must be at least 1"
        )
    weight = _taken("spectral_norm", module, name)
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    hook = _SpectralNorm(name, n_power_iterations, eps, dim)
    original, *vectors = hook.parts()
    module.register_parameter(original, weight)
    for part, size in zip(vectors, hook.matrix(weight.detach()).shape, strict=True):
        drawn = default_generator().standard_normal(size).astype(weight.dtype)
        vector = Tensor(drawn).to(weight.device)
        module.register_buffer(part, hook.unit(vector))
    return _hooked(module, hook)


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: make the weight that it computes a parameter again.

    Raises: ValueError for a weight without this norm.
    """
    return _removed("remove_weight_norm", module, name, _WeightNorm)


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`: make the weight that it computes a parameter again.

    Raises: ValueError for a weight without this norm.
    """
    return _removed("remove_spectral_norm", module, name, _SpectralNorm)


def _taken(function: str, module: Module, name: str) -> Parameter:
    """Remove the parameter of that name from the module and return it."""
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"{function}: name={name!r} is no parameter of {type(module).__name__}")
    del module._parameters[name]
    return weight


def _hooked(module: M, hook: _Normed) -> M:
    module.register_forward_pre_hook(hook)
    with no_grad():
        hook(module, ())
    return module


def _removed(function: str, module: M, name: str, kind: type[_Normed]) -> M:
    hooks: dict[object, Any] = {k: h.function for k, h in module._forward_pre_hooks.items()}
    keys = [key for key, fn in hooks.items() if isinstance(fn, kind) and fn.name == name]
    if not keys:
        raise ValueError(f"{function}: name={name!r} of {type(module).__name__} is not normed")
    normed = hooks[keys[0]]
    del module._forward_pre_hooks[keys[0]]
    training, module.training = module.training, False  # the current weight, no iteration
    with no_grad():
        weight = normed.compute(module)
    module.training = training
    delattr(module, name)
    for part in normed.parts():
        delattr(module, part)
    module.register_parameter(name, Parameter(weight.clone()))
    return module

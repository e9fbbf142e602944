"""Attach a closed-form derivative to a function of arrays, for PyTorch and JAX.

A `Rule` is written once, in Array-API text, beside the algorithm it belongs to. Arrays of other
libraries run the primal alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from .space import Space

__all__ = ["Rule", "apply"]

Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Rule:
    """A function with its derivative.

    All functions take the space first, and `static` where it matters: an instance of `options`,
    a NamedTuple of strings, numbers, booleans and None. The first `smooth` outputs are
    differentiable; the others are integers, or constant piece by piece. `outline` returns arrays
    of the shapes and dtypes of the outputs, their values being of no matter.
    """

    name: str
    options: Callable[..., Hashable]
    primal: Callable[[Space, Any, Arrays], Arrays]
    outline: Callable[..., Arrays]  # of space and arrays, or space, static and arrays
    pullback: Callable[[Space, Any, Arrays, Arrays, Arrays], Arrays]  # reverse mode
    tangent: Callable[[Space, Any, Arrays, Arrays, Arrays], Arrays] | None  # forward mode
    smooth: int = 1
    # Inputs that the pullback reads, by position; it sees None for the others, which are not kept
    # in memory for it. None: all.
    reads: tuple[int, ...] | None = None
    # Whether the pullback reads the outputs; it sees no outputs otherwise.
    reads_outputs: bool = True
    # Whether the shapes of the outputs depend on `static`, which the outline is then given too.
    shaped_by_static: bool = False
    # For the solution X of a linear equation L(H, X) = M, self-adjoint in X: the map L. It takes
    # the place of `tangent`, and X can be differentiated in H without differentiating the solver.
    equation: Callable[[Space, Any, Any], Any] | None = None


_ADAPTERS = {"torch": "orthola.adapters._torch_rules", "jax": "orthola.adapters._jax_rules"}


def apply(rule: Rule, space: Space, static: Hashable, *arrays: Any) -> Arrays:
    """Evaluate the rule; the result can be differentiated where the library can."""
    adapter = _ADAPTERS.get(space.name)
    if adapter is None:
        return rule.primal(space, static, arrays)
    attached: Callable[..., Arrays] = import_module(adapter).attach(rule)
    return attached(space, static, *arrays)

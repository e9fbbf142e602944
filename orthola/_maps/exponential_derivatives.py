r"""exp with derivatives of every order, exact at repeated eigenvalues and at A = 0.

The k-th Frechet derivative L_k(A; E_1, ..., E_k) of exp is symmetric and linear in the E_i. Its own
derivatives are such functions again. With cotangents Z,

    tangent along (dA, dE)   L_(k+1)(A; E, dA) + sum over i of L_k(A; E with dE_i for E_i)
    cotangent of A           L_(k+1)(A^H; E^H, Z)
    cotangent of E_i         L_k(A^H; E^H without E_i^H, Z)

so one rule, with k = 0 for exp itself, is closed under differentiation. L_k is evaluated by the
text of exp on jets, at the price of 3^k of its products. The same through the eigenvectors of
A = i W diag(t) W^H (Najfeld and Havel 1995, doi:10.1006/aama.1995.1017),

    L_1(A; E) = W (Phi o W^H E W) W^H,   Phi_ij = exp(i (t_i + t_j)/2) sin(d)/d,  d = (t_i - t_j)/2,

is finite at repeated t, too, but cannot be differentiated there, since W is not smooth; and a
Hermitian eigenproblem takes longer than these products.
"""

from __future__ import annotations

from typing import Any

from .._core.autodiff import Rule, apply
from .._core.linalg import adjoint
from .._core.space import Space
from .exponential_engine import run
from .jets import jet_of
from .squaring import Plan, exponential

__all__ = ["differentiable_exponential", "exponential_derivative"]


def differentiable_exponential(space: Space, plan: Plan, a: Any) -> Any:
    """exp(A), differentiable where the library can."""
    if space.name == "jax":
        # A custom derivative is lost inside a compiled gradient; the text has one of its own.
        return exponential(space, plan, (a,))[0]
    return exponential_derivative(space, plan, a)


def exponential_derivative(space: Space, plan: Plan, a: Any, *directions: Any) -> Any:
    """L_k(A; E_1, ..., E_k), differentiable in PyTorch; exp(A) without directions."""
    return apply(_EXPONENTIAL, space, plan, a, *directions)[0]


def _primal(space: Space, plan: Any, arrays: Any) -> tuple[Any]:
    a, *directions = arrays
    return (run(space, plan, jet_of(a, directions)),)


def _pullback(space: Space, plan: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any, ...]:
    a, *directions = (adjoint(space.xp, x) for x in inputs)
    (z,) = bars
    of_directions = (
        exponential_derivative(space, plan, a, *directions[:i], *directions[i + 1 :], z)
        for i in range(len(directions))
    )
    return exponential_derivative(space, plan, a, *directions, z), *of_directions


def _outline(space: Space, arrays: Any) -> tuple[Any]:
    return (space.xp.empty_like(arrays[0]),)


_EXPONENTIAL = Rule(
    "exponential", Plan, _primal, _outline, _pullback, tangent=None, reads_outputs=False
)

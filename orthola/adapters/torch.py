"""Orthogonal weights and layers for PyTorch.

`orthogonal` takes the place of `torch.nn.utils.parametrizations.orthogonal`, and `rebase` keeps
its parameter near the start in long training. `HouseholderProjector` makes a weight a partial
isometry of a given rank; `BlockCayley` is the block rotation of orthogonal fine-tuning.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.utils import parametrize

from .._core import checks
from ._orthogonal_maps import MAPS
from ._orthogonal_weight import default_map, tall, widened
from ._torch_block_cayley import BlockCayley
from ._torch_checkpoint import read_torch_layout
from ._torch_orthogonal import Orthogonal
from ._torch_projector import HouseholderProjector
from ._trivialization import carried, generator_norm

__all__ = ["BlockCayley", "HouseholderProjector", "orthogonal", "rebase"]


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    r"""Keep a weight, or a stack of weights, orthogonal or unitary while it is trained.

    Takes the place of `torch.nn.utils.parametrizations.orthogonal`: same arguments, same defaults,
    same layout of the parameter, and its checkpoints can be loaded. No square matrix of the
    longer side is ever formed, every map takes assigned values, and complex weights have
    reflectors too.

    Parameters
    ----------
    module : torch.nn.Module
        The module that holds the weight. It is changed in place.
    name : str, optional
        Name of a parameter or buffer (..., m, n), real or complex: columns are orthonormal if
        m >= n, rows otherwise. Further axes are a batch.
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        How the weight Q depends on the parameter X, of the same shape, whose strictly lower part
        is read (of the transpose for m < n). With A = X E^H - E X^H, E = I[:, :n]:

        * ``"matrix_exp"``: Q = exp(A) E.
        * ``"cayley"``: Q = (I + A/2)(I - A/2)^-1 E. The fastest.
        * ``"householder"``: the product of one reflector for each column.

        Default: ``"matrix_exp"`` for square or complex weights, otherwise ``"householder"``.
    use_trivialization : bool, optional
        Write Q = B' Q(X) with a fixed base: B' has the present weight as its first columns, and
        training starts at Q(X) = E. Without it the parameter is the one of the map alone.

    Returns
    -------
    torch.nn.Module
        The module, with ``module.parametrizations[name][0]`` holding the buffers ``base``
        (..., m, n) and ``signs`` (..., n).

    Raises
    ------
    TypeError, ValueError
        If there is no such tensor, it has less than two axes or is not floating, it holds NaN or
        infinities, or the map is unknown.
    NotImplementedError
        On assignment to ``"matrix_exp"`` without trivialisation, if the weight is not square.

    Notes
    -----
    **Values.** The weight that is there stays what it is if it is orthonormal; otherwise its polar
    factor (`orthola.polar`), the nearest orthonormal matrix, takes its place. The same holds on
    assignment, ``module.weight = value``, for every value, of either determinant: with the
    trivialisation the base moves there, without it the map is inverted, and what it cannot reach
    is in `signs` (int8, or complex phases), which are not trained. The exception: there is no
    inverse of the exponential for a weight that is not square; a module then starts at the map of
    the weight as parameter.

    **Accuracy.** ||Q^H Q - I||_2 is below 1e-6 in float32 and 1e-14 in float64 to order 512, seen
    over 10,000 training steps of a small weight: the weight is made anew from its parameter each
    time, and one Newton-Schulz step takes off what map and base add up. Half precision is computed
    in float32 and rounded once; autocast does not reach the map.

    **Cost** of an m x n weight: O(m n^2) operations and O(m n) memory, in forward, backward and
    assignment. `torch.compile` sees one graph.

    **Checkpoints** of the PyTorch function are read by ``load_state_dict`` and give the same
    weights; the square base found there is reduced to its first n columns, and the rows of the
    parameter below the n-th are rotated accordingly. In its checkpoints the signs of reflectors
    stand on the diagonal of the parameter, where weight decay destroys them; here they do not.

    References
    ----------
    M. Lezcano-Casado, arXiv:1909.09501 (trivialisations).

    Examples
    --------
    >>> import torch
    >>> from orthola.adapters.torch import orthogonal
    >>> layer = orthogonal(torch.nn.Linear(3, 5), "weight", "cayley")
    >>> q = layer.weight
    >>> bool(torch.allclose(q.T @ q, torch.eye(3), atol=1e-6))
    True
    >>> layer.weight = torch.eye(5, 3)
    >>> bool(torch.allclose(layer.weight, torch.eye(5, 3), atol=1e-6))
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(
            f"orthogonal: expected the name of a tensor of {type(module).__name__}, got no "
            f"parameter or buffer of name {name!r}"
        )
    checks.is_matrix("orthogonal", weight, name=name)
    if not (weight.is_floating_point() or weight.is_complex()):
        raise TypeError(
            f"orthogonal: expected {name} of a real or complex floating dtype, got {weight.dtype}"
        )
    if orthogonal_map is None:
        orthogonal_map = default_map(weight)
    checks.one_of("orthogonal", "orthogonal_map", orthogonal_map, MAPS)
    ours = Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    parametrize.register_parametrization(module, name, ours, unsafe=True)
    chain = module.parametrizations[name]
    if chain[0] is ours:
        chain.register_load_state_dict_pre_hook(read_torch_layout)
    return module


@torch.no_grad()
def rebase(
    module: Module, name: str = "weight", *, limit: float = 1.0
) -> Callable[[Tensor], Tensor] | None:
    r"""Move the base of a trivialised weight to the weight itself, if its parameter has grown.

    Parameters
    ----------
    module : torch.nn.Module
        A module with an `orthogonal` weight, trivialised.
    name : str, optional
        Name of the weight.
    limit : float, optional
        Nothing is done while ||A||_2 <= 2 limit for every matrix of a stack, A the skew matrix
        of the parameter: up to a limit of 1 the Cayley map turns no plane by more than a right
        angle. With ``limit=0`` every call re-bases: use it every so many steps.

    Returns
    -------
    callable or None
        None if nothing was done. Otherwise a function that carries a first moment of an optimiser,
        of the shape of the parameter, to the new coordinates, as in the example.

    Raises
    ------
    TypeError, ValueError
        If the weight was not made by `orthogonal`, or has no base; if the limit is no number or
        negative.

    Notes
    -----
    The weight stays the same, to rounding, and the parameter returns to its start; so do the
    coordinates in which an optimiser keeps its moments. Left alone, a first moment is a step in a
    rotated direction for some steps. It is carried over by projection to the new tangent space;
    second moments, which are sizes, are kept. The base is orthonormalised on the way, so nothing
    accumulates over any number of calls.

    **Cost**: that of an assignment, O(m n^2); below the limit that of ||A||_2, and a wait for the
    device.

    References
    ----------
    M. Lezcano-Casado, arXiv:1909.09501, section 5 (dynamic trivialisation).

    Examples
    --------
    >>> import torch
    >>> from orthola.adapters.torch import orthogonal, rebase
    >>> layer = orthogonal(torch.nn.Linear(3, 5), "weight", "cayley")
    >>> optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    >>> for step in range(30):
    ...     optimizer.zero_grad()
    ...     layer.weight[0].sum().backward()
    ...     optimizer.step()
    ...     carry = rebase(layer)
    ...     if carry is not None:
    ...         moment = optimizer.state[layer.parametrizations.weight.original]["exp_avg"]
    ...         _ = moment.copy_(carry(moment))
    """
    chain = getattr(module, "parametrizations", {})
    ours = chain[name][0] if name in chain else None
    if not isinstance(ours, Orthogonal):
        raise ValueError(
            f"rebase: expected a weight made by orthola.adapters.torch.orthogonal, got {name!r} of "
            f"{type(module).__name__}"
        )
    old = ours.completed_base
    if old is None:
        raise ValueError(
            "rebase: expected a weight with a base, got one made with use_trivialization=False; "
            "make it with use_trivialization=True"
        )
    limit = checks.real_in("rebase", "limit", limit, 0.0, math.inf, closed=True)
    original = chain[name].original
    if not bool((generator_norm(widened(tall(original))) > 2.0 * limit).any()):
        return None
    original.copy_(ours.right_inverse(ours(original)))
    new = ours.completed_base
    assert new is not None

    @torch.no_grad()
    def carry(moment: Tensor) -> Tensor:
        y = carried(widened(tall(moment)), old, new).to(moment.dtype)
        return y.mT if y.shape != moment.shape else y

    return cast(Callable[[Tensor], Tensor], carry)

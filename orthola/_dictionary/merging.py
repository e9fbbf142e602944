"""`dictionary_merge`: two streams of samples of one source, averaged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core.errors import Status
from .._core.linalg import wide
from .._core.space import Space, in_full_precision, resolve
from .._core.storage import on_host
from .arguments import expect_state
from .objectives import matched
from .state import DictionaryState

__all__ = ["DictionaryMerge", "dictionary_merge"]

_NAME = "dictionary_merge"
_ALIKE = 0.9  # |cos| that every pair of atoms must exceed


class DictionaryMerge(NamedTuple):
    """What `dictionary_merge` returns."""

    state: DictionaryState
    status: Any  # integer (...), see orthola.Status


@np.errstate(all="ignore")
@in_full_precision
def dictionary_merge(one: DictionaryState, two: DictionaryState, /) -> DictionaryMerge:
    r"""Average two states that have learned from different samples of the same kind.

    Parameters
    ----------
    one, two : DictionaryState
        For matrices (..., n, n), of the same options, preconditioner, library and dtype. Not
        changed.

    Returns
    -------
    DictionaryMerge
        ``state``: atoms of the second state in the order and with the signs (phases) of the first,
        everything averaged with weights ``n_samples``; sample and step counts added. ``status``:
        ``OK``; ``AMBIGUOUS`` where some pair of atoms has \|cos\| <= 0.9: then the state that has
        seen more is returned as it is.

    Raises
    ------
    TypeError, ValueError
        On what is no state, and on states that do not match or are being traced: the matching
        runs on the host.

    Notes
    -----
    An approximation of one stream over all samples, not equal to it. A mean of points of the ball
    is in the ball, so merging is associative to rounding and, up to order and signs, commutative.

    **Cost**: one product of order n and, on the host, n^3 at worst for the matching. No
    derivatives.

    References
    ----------
    D. F. Crouse, doi:10.1109/TAES.2016.140952 (the matching).

    Examples
    --------
    >>> import orthola
    >>> one = orthola.dictionary_init(4, rng=0)
    >>> both = orthola.dictionary_merge(one, one)
    >>> orthola.Status(int(both.status)).name
    'OK'
    """
    space = _expect_alike(one, two)
    xp = space.xp
    a, b = (on_host(x.iterate) for x in (one, two))
    order, phases, cosines = matched(b, a)
    turn = np.zeros_like(a)
    np.put_along_axis(turn, order[..., None], phases[..., None], axis=-1)
    # Where one of them is empty there is nothing to be matched.
    fed = [on_host(x.n_samples) > 0 for x in (one, two)]
    alike = np.all(cosines > _ALIKE, axis=-1)
    more = on_host(two.n_samples) > on_host(one.n_samples)
    merges, second = fed[0] & fed[1] & alike, ~(fed[0] & fed[1] & alike) & more
    q, merges, second = (
        xp.asarray(x, device=space.device) for x in (turn.astype(a.dtype), merges, second)
    )
    averaged = _averaged(space, one, two, q)
    fields = []
    for x, y, z in zip(averaged, one[:-1], two[:-1], strict=True):
        chosen = _where(xp, second, z, y)
        fields.append(_where(xp, merges, x, chosen))
    refused = xp.asarray(fed[0] & fed[1] & ~alike, device=space.device)
    status = xp.astype(refused, xp.int32) * int(Status.AMBIGUOUS)
    return DictionaryMerge(DictionaryState._make([*fields, one.options]), status)


def _averaged(space: Space, one: DictionaryState, two: DictionaryState, q: Any) -> tuple[Any, ...]:
    """All fields but the options; `q` is a signed permutation."""
    xp, p = space.xp, one.options.p
    total = xp.astype(one.n_samples + two.n_samples, space.real_dtype)
    weight = xp.astype(two.n_samples, space.real_dtype) / xp.where(
        total > 0, total, xp.ones_like(total)
    )
    # Both in the larger unit, so that the order does not matter.
    scale = xp.where(one.scale > two.scale, one.scale, two.scale)
    unit = xp.where(scale > 0, scale, xp.ones_like(scale))
    r, s = one.scale / unit, two.scale / unit

    def mean(x: Any, y: Any, power: float) -> Any:
        v, f, g = weight, r**power, s**power
        if x.ndim == weight.ndim + 1:
            v, f, g = v[..., None], f[..., None], g[..., None]
        elif x.ndim > weight.ndim:
            v, f, g = wide(v), wide(f), wide(g)
        return (1.0 - v) * f * x + v * g * y

    theirs = two.record @ xp.abs(xp.matrix_transpose(q))
    record = [
        mean(one.record[..., k, :], theirs[..., k, :], power)
        for k, power in enumerate((1.0, 1.0, p, p))
    ]

    return (
        mean(one.iterate, q @ two.iterate, 0.0),
        mean(one.gradient, q @ two.gradient, p),
        mean(one.cross, q @ two.cross, 2.0),
        mean(one.refined, q @ two.refined, 0.0),
        xp.concat([x[..., None, :] for x in record], axis=-2),
        mean(one.noise, two.noise, 1.0),
        mean(one.objective, two.objective, p),
        mean(one.energy, two.energy, 2.0),
        one.precondition,
        scale,
        one.step + two.step,
        one.n_samples + two.n_samples,
        one.n_skipped + two.n_skipped,
    )


def _where(xp: Any, condition: Any, yes: Any, no: Any) -> Any:
    wanted = wide(condition) if yes.ndim > condition.ndim else condition
    return xp.where(wanted, yes, no)


def _expect_alike(one: DictionaryState, two: DictionaryState) -> Space:
    expect_state(_NAME, one)
    expect_state(_NAME, two)
    space, _ = resolve(_NAME, one.iterate)
    other, _ = resolve(_NAME, two.iterate)
    if space.traced or other.traced:
        raise ValueError(
            f"{_NAME}: expected concrete states, got traced ones; merge outside of jit"
        )
    if space != other or one.iterate.shape != two.iterate.shape:
        raise ValueError(
            f"{_NAME}: expected two states of one library, device, dtype and shape, got "
            f"{space.dtype_name} {tuple(one.iterate.shape)} from {space.name} and "
            f"{other.dtype_name} {tuple(two.iterate.shape)} from {other.name}"
        )
    if one.options != two.options:
        raise ValueError(
            f"{_NAME}: expected states of the same options, got {one.options} and {two.options}"
        )
    if one.options.preconditioned and not bool(space.xp.all(one.precondition == two.precondition)):
        raise ValueError(
            f"{_NAME}: expected states with the same preconditioner; give it to both of them"
        )
    return space

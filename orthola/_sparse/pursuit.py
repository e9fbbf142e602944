"""One pursuit of a batch of signals: the entry that everything uses, whatever the form."""

from __future__ import annotations

from typing import Any

from .._core.dispatch import load
from .._core.errors import Status
from .._core.space import Space
from .certified import pursue_certified
from .finish import Codes, outcome, sum_of_squares
from .gram import gram_matrix
from .greedy import pursue_greedily
from .host import pursue_on_host
from .nonnegative import pursue_nonnegative
from .plan import Plan
from .problem import Problem
from .residual_form import ResidualForm
from .stored_rows import StoredRows
from .tiles import over_tiles
from .units import Atoms, scaled_atoms, scaled_signals, sizes_spread, unscaled

__all__ = ["pursue"]


def pursue(
    space: Space,
    plan: Plan,
    signals: Any,
    dictionary: Any,
    gram: Any | None,
    counts: Any,
    tolerances: Any | None,
    excluded: Any | None,
    *,
    search: str | None = None,
) -> Codes:
    """Codes of signals (B, M), whatever their size; see `Problem` for the arguments.

    A signal that is not finite has an empty code; such an atom is left out, which the status of
    every signal tells. `search` names a lower precision for a search with a certificate.
    """
    arrays = (signals, dictionary, gram, counts, tolerances, excluded)
    if plan.k_max == 0 or signals.shape[0] == 0:
        return _without_steps(space, plan, *arrays)
    # The certificate speaks of Gram matrices, which do not resolve finer angles.
    if search is not None and plan.dependence >= 2 * plan.floor:
        return _in_text(space, plan._replace(form="stored-rows"), *arrays, search=search)
    if plan.host:
        spread, finite = sizes_spread(space, dictionary)
        if not spread:
            return _on_host(space, plan, finite, *arrays)
    return _in_text(space, plan, *arrays)


def _on_host(space: Space, plan: Plan, finite: Any, *arrays: Any) -> Codes:
    xp = space.xp
    signals, dictionary, gram, counts, tolerances, excluded = arrays
    if tolerances is None:
        tolerances = xp.zeros_like(counts, dtype=space.real_dtype)
    if bool(xp.all(finite)):
        return Codes(
            *pursue_on_host(space, plan, signals, dictionary, gram, counts, tolerances, excluded)
        )
    dictionary = xp.where(finite[:, None], dictionary, xp.zeros_like(dictionary))
    if gram is not None:
        gram = xp.where(finite[:, None] & finite[None, :], gram, xp.zeros_like(gram))
    codes = Codes(
        *pursue_on_host(space, plan, signals, dictionary, gram, counts, tolerances, excluded)
    )
    return codes._replace(status=xp.zeros_like(codes.status) + int(Status.NONFINITE))


def _in_text(
    space: Space, plan: Plan, signals: Any, dictionary: Any, gram: Any, counts: Any,
    tolerances: Any, excluded: Any, *, search: str | None = None,
) -> Codes:  # fmt: skip
    # A search in single precision needs its range.
    free = 32 if search else None
    atoms = scaled_atoms(space, dictionary, gram, plan.rule, free=free)
    gram = atoms.gram
    if plan.form == "stored-rows" and gram is None:
        gram = gram_matrix(space, atoms.dictionary, host=False)
    problem = Problem(
        signals, atoms.dictionary, gram, counts, tolerances, excluded, atoms.weights
    )  # fmt: skip

    def one_tile(*parts: Any) -> Codes:
        part = problem.only(*parts)
        data = scaled_signals(space, part.signals)
        part = part._replace(signals=data.signals)
        if plan.form == "nonnegative":
            codes = pursue_nonnegative(space, plan, part)
        elif search is not None:
            codes = pursue_certified(space, plan, search, part)
        elif plan.kernel is not None and not plan.host:
            codes = Codes(*load(plan.kernel)(plan, part))
        elif plan.form == "stored-rows":
            form = StoredRows(space, part, plan.k_max)
            codes = pursue_greedily(space, plan, form, part)
        else:
            tiled = ResidualForm(space, part, plan.k_max, plan.tile_atoms)
            codes = pursue_greedily(space, plan, tiled, part)
        return unscaled(space, atoms, data, codes)

    return Codes(*over_tiles(space, one_tile, problem.each(), plan.tile_signals))


def _without_steps(
    space: Space, plan: Plan, signals: Any, dictionary: Any, gram: Any, counts: Any,
    tolerances: Any, excluded: Any,
) -> Codes:  # fmt: skip
    """Codes without atoms."""
    xp, device = space.xp, space.device
    shape = (signals.shape[0], plan.k_max)
    index = xp.arange(1, device=device).dtype
    codes = Codes(
        xp.zeros(shape, dtype=index, device=device) - 1,
        xp.zeros(shape, dtype=signals.dtype, device=device),
        xp.zeros(shape[:1], dtype=index, device=device),
        xp.zeros(shape[:1], dtype=space.real_dtype, device=device),
        xp.zeros(shape[:1], dtype=xp.int32, device=device),
    )
    if 0 in signals.shape:  # no signals, or signals of no entries
        return codes
    data = scaled_signals(space, signals)
    size = xp.sqrt(sum_of_squares(space, data.signals))
    none = size < 0
    met = none
    if tolerances is not None:
        met = (tolerances > 0) & (size <= tolerances * size)
    status = outcome(space, tolerances, met, none)
    codes = codes._replace(residual_norm=size, status=status)
    atoms = Atoms(dictionary, None, None, None, xp.all(xp.isfinite(dictionary)))
    return unscaled(space, atoms, data, codes)

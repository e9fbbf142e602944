"""`dictionary_init`, `dictionary_update`, `dictionary_result`: state in, state out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._core import checks
from .._core.dispatch import explained_by
from .._core.pytree import register_static
from .._core.space import in_full_precision, is_compiling, resolve
from .answer import answer
from .arguments import expect_state, options_of, start_of
from .oracle import ORACLES
from .state import DictionaryOptions, DictionaryState, started
from .updating import explanation, updated

__all__ = [
    "DictionaryResult",
    "dictionary_init",
    "dictionary_result",
    "dictionary_update",
]


class DictionaryResult(NamedTuple):
    """What `dictionary_result` and `orthogonal_dictionary` return; rows are atoms."""

    dictionary: Any  # (..., n, n), orthogonal (unitary)
    gap: Any  # (...) Frank-Wolfe gap of the iterate, 0 at stationary points
    noise: Any  # (...) scale of the small codes
    status: Any  # integer (...), see orthola.Status
    atoms: Any  # (..., n, n): in the space of the samples, if they were preconditioned


def dictionary_init(
    n: int,
    /,
    *,
    p: float = 3.0,
    schedule: Any = "default",
    init: Any = None,
    window: float | None = None,
    warmup: int | None = None,
    precondition: Any = None,
    shape: int | tuple[int, ...] = (),
    rng: Any = None,
    xp: Any = None,
    dtype: Any = None,
    device: Any = None,
) -> DictionaryState:
    r"""State of an online orthogonal dictionary before the first sample.

    Parameters
    ----------
    n : int
        Length of samples and number of atoms.
    p : float in (2, 4], optional
        Exponent of the objective, the mean of sum \|c\|^p over codes c = y A^H. 3 needs fewer
        samples than 4 for the same error; exponents other than 3 and 4 cost a power per code.
    schedule : {"default", "theory", "published", "sfw"} or two triples, optional
        Weights of averaging and moving. ``"default"``: min(1, 4 (t+1)^(-1/2)) and
        min(1, 2 (t+2)^(-3/4)). ``"theory"``: the same without factors. ``"published"``: not
        clipped, with a second projection a step. ``"sfw"``: stochastic Frank-Wolfe, a baseline.
        Or ``((c, s, e), (c, s, e))`` for c (t + s)^(-e), clipped to 1.
    init : array (..., n, n), optional
        Start, of spectral norm at most 1 and not zero. Default: uniformly distributed orthogonal
        matrices, see `haar`.
    window : float, optional
        Follow a basis that drifts: no weight falls below 1/window.
    warmup : int, optional
        Rows over which the gradient is averaged before the first step; at least n, the default.
    precondition : array (..., n, n), optional
        Rows are multiplied by it from the right: (Y^H Y / M)^(-1/2) makes a complete dictionary
        orthogonal.
    shape : int or tuple of int, optional
        Shape of a stack of states.
    rng : None, int or numpy.random.Generator, optional
        For the start, as in `haar`.
    xp, dtype, device : optional
        Where the state is to be, as in `haar`; of `init` and `precondition` where they are given.
        Half precisions keep a state in float32.

    Returns
    -------
    DictionaryState
        A NamedTuple of arrays and static options: 5 n^2 numbers, whatever the stream is.

    Raises
    ------
    TypeError, ValueError
        On options out of range, and on a start that is zero or outside of the ball.

    Notes
    -----
    The objective is convex in the dictionary, so its maximum over the ball of spectral norm 1 is
    reached at orthogonal matrices: nothing is lost by leaving them on the way. For p > 2 and
    sparse codes the maxima are the true dictionary, up to order and signs of its atoms.

    **Cost**: one random orthogonal matrix of order n, as accurate as `haar`. No derivatives.

    References
    ----------
    Y. Xue, V. Lau, arXiv:2103.01484 (Frank-Wolfe over the ball).
    Y. Shen, Y. Xue, J. Zhang, K. Letaief, V. Lau, arXiv:2002.10043 (p = 3).

    Examples
    --------
    >>> import orthola
    >>> state = orthola.dictionary_init(5, rng=0)
    >>> state.iterate.shape, int(state.n_samples)
    ((5, 5), 0)
    """
    name = "dictionary_init"
    options = options_of(name, n, p, schedule, window, warmup, precondition is not None)
    space, a, h = start_of(name, n, init, precondition, shape, rng, xp, dtype, device)
    register_static(DictionaryOptions)
    return started(space, options, a, h)


@explained_by(explanation)
# What goes wrong in an item is told by its status, not by a warning.
@np.errstate(all="ignore")
@in_full_precision
def dictionary_update(
    state: DictionaryState, samples: Any, /, *, lmo: str = "auto", check_finite: bool = True
) -> DictionaryState:
    """One step with a mini-batch of samples.

    Parameters
    ----------
    state : DictionaryState
        From `dictionary_init` or an earlier update, for matrices (..., n, n); not changed.
    samples : array (..., b, n)
        The mini-batch; rows are samples. Of the library and device of the state. An empty one
        leaves the state as it is.
    lmo : {"auto", "exact", "inexact"}, optional
        How the linear problem over the ball is solved: by a polar factor, exactly, or by a fixed
        number of matrix products, which suits a GPU. Where values can be looked at, inexact steps
        that are further than 0.1 from orthogonal are done again by an SVD; in JAX and while
        tracing they are as good as their plan, for gradients of condition up to 1e3.
        ``"auto"``: inexact from order 64 on a GPU.
    check_finite : bool, optional
        Raise on NaN or infinity before the state is touched. Otherwise, and where values cannot
        be looked at, such rows are skipped and counted in ``n_skipped``. Rows too large for powers
        of their entries, more than 2^204 (float32: 2^25) times the first call, count as such.

    Returns
    -------
    DictionaryState
        Until `warmup` rows came, gradients are averaged and the iterate stays.

    Raises
    ------
    TypeError, ValueError
        On samples that do not fit the state, and NaN or infinity under `check_finite`.

    Notes
    -----
    The mini-batch is the call: nothing is kept back. `OnlineOrthogonalDictionary` cuts a stream
    into batches of one size.

    **Scale**: samples times a power of two give the same iterates bit for bit; the scale is frozen
    at the first call with a row that is not zero.

    **Refinement**: beside the iterate go atoms that are taken from the average of thresholded
    codes every eighth step, for the next such codes; they change nothing about the iterate.

    **Cost**: 4 b n^2 multiply-adds, and 9/8 polar factors of order n. No derivatives. JAX traces it
    (``jit``, ``vmap``, ``scan``); ``torch.compile`` breaks its graph here and runs it as it is.

    **Accuracy**: the iterate stays in the ball of spectral norm 1 to 7 max(n, 3) u, u the unit
    roundoff, inexact steps included: an average of polar factors is as orthonormal as they are.
    The Frank-Wolfe gap falls as ln t / t^(1/4) in t steps.

    References
    ----------
    Y. Xue, V. Lau, arXiv:2103.01484.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> rng = np.random.default_rng(0)
    >>> basis = orthola.haar(8, rng=1)
    >>> state = orthola.dictionary_init(8, rng=2)
    >>> for _ in range(1000):
    ...     codes = rng.standard_normal((10, 8)) * (rng.random((10, 8)) < 0.3)
    ...     state = orthola.dictionary_update(state, codes @ basis)
    >>> found = orthola.dictionary_result(state)
    >>> bool(orthola.dictionary_recovery(found.dictionary, basis).err4 < 1e-3)
    True
    """
    if is_compiling():
        import torch

        # The graph is broken here: compiled code would look at no value, and gain nothing.
        eager = torch.compiler.disable(dictionary_update)
        return eager(state, samples, lmo=lmo, check_finite=check_finite)  # type: ignore[no-any-return]
    checks.one_of("dictionary_update", "lmo", lmo, ORACLES)
    return updated(state, samples, batch=None, lmo=lmo, check_finite=check_finite)


@np.errstate(all="ignore")
@in_full_precision
def dictionary_result(state: DictionaryState, /, *, refine: bool = True) -> DictionaryResult:
    """The dictionary that a stream has led to so far; the stream can go on.

    Parameters
    ----------
    state : DictionaryState
        From `dictionary_update`, for matrices (..., n, n).
    refine : bool, optional
        Take the polar factor of the averaged product of thresholded codes and samples, which
        removes the sampling error of the objective. Otherwise that of the iterate.

    Returns
    -------
    DictionaryResult
        ``dictionary`` (..., n, n), orthogonal, rows being atoms; ``gap`` and ``noise`` in units of
        the samples; ``atoms``: the dictionary times the inverse of the preconditioner, if there
        is one. ``status``: ``OK``; ``RANK_DEFICIENT``: some directions, or some atoms, were in no
        sample, and stay where they were; ``NOT_CONVERGED``: no step was taken yet; ``NONFINITE``:
        rows were skipped.

    Raises
    ------
    TypeError
        On what is no state.

    Notes
    -----
    ``gap`` is p (||Z||_* - Re <Z, A>) of the averaged gradient; the gap of the objective itself
    is measured on samples that were not used: `OnlineOrthogonalDictionary.gap`.

    **Cost**: four SVDs of order n. The dictionary is orthogonal to rounding, as of `polar`. No
    derivatives.

    References
    ----------
    Y. Xue, V. Lau, arXiv:2103.01484.

    Examples
    --------
    >>> import orthola
    >>> start = orthola.dictionary_init(3, rng=0)
    >>> orthola.Status(int(orthola.dictionary_result(start).status)).name
    'NOT_CONVERGED'
    """
    expect_state("dictionary_result", state)
    space, _ = resolve("dictionary_result", state.iterate)
    return DictionaryResult(*answer(space, state, bool(refine)))

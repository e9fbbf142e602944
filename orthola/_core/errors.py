"""Status codes, the advice that belongs to each, and the exceptions orthola raises."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, TypeVar

__all__ = ["Status", "StatusError", "check"]

R = TypeVar("R")


class Status(IntEnum):
    """Outcome of a computation, one integer per batch item (``result.status``).

    Facts about values never raise inside an algorithm; they are reported here. Use
    `orthola.check` to turn them into an exception that carries advice.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> result = orthola.polar(np.zeros((2, 2)))
    >>> orthola.Status(int(result.status)).name
    'RANK_DEFICIENT'
    """

    OK = 0
    RANK_DEFICIENT = 1
    NOT_CONVERGED = 2
    NONFINITE = 3
    BOUND_VIOLATED = 4
    TOLERANCE_NOT_MET = 5
    EXHAUSTED = 6
    AMBIGUOUS = 7
    RANK_CAPPED = 8
    ILL_CONDITIONED = 9
    NOT_EXACT = 10
    UNCERTIFIED = 11


ADVICE = {
    Status.RANK_DEFICIENT: (
        "the matrix has no full rank to working precision, so its orthogonal factor is not unique. "
        "The factor returned is orthonormal and reproduces the matrix, but another library may "
        "return another one, and derivatives are not defined. Usual reasons: repeated or zero "
        "rows or columns, fewer samples than dimensions, values that underflowed. If the "
        "completion does not matter to you, ignore this status; if it does, use "
        "completion='none', drop the dependent directions, or regularise the matrix."
    ),
    Status.NOT_CONVERGED: (
        "the iteration used all its steps before its certificate (distance from orthonormality) "
        "held. Usual reasons: a small max_steps, a lower_bound far above the smallest singular "
        "value in a traced (jit, compile) call, or fallback=False on a nearly singular matrix. "
        "Allow more steps, give a true lower_bound, leave fallback on, or use method='svd'."
    ),
    Status.NONFINITE: (
        "the input has NaN or infinite entries; that item's result is NaN and the other items are "
        "unaffected. Usual reasons: an overflow or a division by zero earlier in the program, or "
        "missing data read as NaN. Look at numpy.isfinite of the input, mend or mask it."
    ),
    Status.BOUND_VIOLATED: (
        "the input is outside the range for which the result is accurate, so that item is not to "
        "be trusted. Usual reasons: for inverse maps (householder_vectors, cayley_inverse, "
        "cayley_frame_inverse) the input was not orthonormal to rounding, or, with signs given, "
        "has an eigenvalue too near -1 for them: pass orthola.polar(q).unitary, or leave "
        "signs=None. For fits of points a weight was negative. For streams too much was removed: "
        "build the state again from the data that remains."
    ),
    Status.TOLERANCE_NOT_MET: (
        "the largest number of terms was reached before the tolerance; what is returned is the "
        "best for that number. Usual reasons: n_nonzero below the sparsity of the data, noise "
        "above tol, data without the structure that you expect. Allow more terms or a larger tol, "
        "or look at residual_norm."
    ),
    Status.EXHAUSTED: (
        "nothing was left to add before the request was met: the residual is rounding, or every "
        "remaining atom depends on the chosen ones or is excluded. The result is optimal for the "
        "terms that it has, fewer than asked for. Usual reasons: n_nonzero above the rank of the "
        "dictionary, repeated atoms, signals that fewer atoms represent exactly. To let nearly "
        "dependent atoms in, lower dependence_tol."
    ),
    Status.AMBIGUOUS: (
        "two choices are equal to rounding, so another library, precision or order of the data may "
        "choose otherwise. Usual reasons: repeated or mirrored atoms, states of unrelated streams "
        "that cannot be matched. Compute in float64, drop repeated atoms, or merge only states of "
        "the same data source."
    ),
    Status.RANK_CAPPED: (
        "the declared capacity max_rank was reached, so the tolerance does not hold; the "
        "certificate says what does. Usual reasons: noise above tol, a max_rank meant for less "
        "varied data. Declare a larger max_rank, or accept a larger tol."
    ),
    Status.ILL_CONDITIONED: (
        "so much was removed that what remains is near the rounding of what was there before; the "
        "certificate is wide accordingly. Usual reasons: downdates that take nearly all energy "
        "away, blocks removed that were never added. Use window= instead of downdates, or build "
        "the state again from the data that remain."
    ),
    Status.NOT_EXACT: (
        "the error is bounded but no longer known exactly; the intervals of the certificate hold. "
        "Usual reasons: a downdate, or directions that came back from the sketch of what had been "
        "discarded. If you need the exact error, keep more directions (oversample) or make a fresh "
        "pass over the data."
    ),
    Status.UNCERTIFIED: (
        "part of the data was never seen exactly, so the numbers describe the completed matrix and "
        "bound nothing else. Usual reasons: missing entries that were imputed, a foreign "
        "approximation without its error, features added whose older values are unknown. Give the "
        "error of what was approximated, or treat the result as an estimate."
    ),
}

# Which one `check` speaks of when items differ, from the mildest to the gravest.
SEVERITY = (
    Status.OK,
    Status.NOT_EXACT,
    Status.EXHAUSTED,
    Status.AMBIGUOUS,
    Status.TOLERANCE_NOT_MET,
    Status.RANK_CAPPED,
    Status.RANK_DEFICIENT,
    Status.ILL_CONDITIONED,
    Status.NOT_CONVERGED,
    Status.UNCERTIFIED,
    Status.NONFINITE,
    Status.BOUND_VIOLATED,
)


class StatusError(ArithmeticError):
    """Raised by `orthola.check` when a result's status is not OK.

    Attributes
    ----------
    status : Status
        The worst status found.
    count : int
        How many items have a status other than OK.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> try:
    ...     orthola.check(orthola.polar(np.ones((3, 3))))
    ... except orthola.StatusError as error:
    ...     print(error.status.name, error.count)
    RANK_DEFICIENT 1
    """

    def __init__(self, message: str, status: Status, count: int) -> None:
        super().__init__(message)
        self.status = status
        self.count = count

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles: an exception may come from another process."""
        return type(self), (str(self), self.status, self.count)


def check(result: R, /, *, allow: tuple[Status, ...] = ()) -> R:
    """Return the result if its status is OK everywhere, else raise with advice.

    Parameters
    ----------
    result : NamedTuple with a ``status`` field
        What an orthola function returned, from any library. Reading the status of an array on
        a GPU waits for the device.
    allow : tuple of Status, optional
        Status values to accept besides ``OK``.

    Returns
    -------
    result
        The same object, so that calls can be chained.

    Raises
    ------
    StatusError
        If any item has another status. The message says which, how many and what to do.
    TypeError
        If `result` has no status, or the status is being traced (inside ``jax.jit``): return it
        from the traced function and check it outside.

    Examples
    --------
    >>> import numpy as np
    >>> import orthola
    >>> orthola.check(orthola.polar(np.eye(2))).unitary
    array([[1., 0.],
           [0., 1.]])
    >>> orthola.check(orthola.polar(np.zeros((2, 2))))
    Traceback (most recent call last):
        ...
    orthola._core.errors.StatusError: polar: RANK_DEFICIENT: the matrix has no full rank ...
    """
    status: Any = getattr(result, "status", None)
    if status is None:
        raise TypeError(
            "check expected a result with a status field (what polar and its relatives return), "
            f"got {type(result).__name__}"
        )
    codes = _codes(status)
    bad = [code for code in codes if code != Status.OK and code not in allow]
    if not bad:
        return result
    worst = max(map(Status, bad), key=SEVERITY.index)
    words = re.findall("[A-Z]+[a-z]*", type(result).__name__.removesuffix("Result"))
    name = "_".join(words).lower()
    where = "" if len(codes) == 1 else f" in {len(bad)} of {len(codes)} items"
    raise StatusError(f"{name}: {worst.name}{where}: {ADVICE[worst]}", worst, len(bad))


def _codes(status: Any) -> list[int]:
    """All status values on the host."""
    from .space import is_traced

    if is_traced(status):
        raise TypeError(
            "check expected concrete status values, got a traced array; return the result from "
            "the traced function and check it outside"
        )
    if hasattr(status, "tolist"):  # one transfer
        return [int(code) for code in status.reshape(-1).tolist()]
    from array_api_compat import array_namespace

    flat = array_namespace(status).reshape(status, (-1,))
    return [int(flat[i]) for i in range(flat.shape[0])]

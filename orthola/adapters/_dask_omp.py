"""Orthogonal matching pursuit of Dask arrays: every block of signals is a pursuit of its own."""

from __future__ import annotations

import math
from typing import Any

import dask.array as da
import numpy as np
from dask import delayed
from numpy.typing import NDArray

from .. import OMPResult, explain, options
from .. import omp as _omp
from .._core import checks

__all__ = ["omp"]

_MANY = 2**31  # signals, where their number is unknown


def omp(
    signals: Any,
    dictionary: Any,
    /,
    *,
    n_nonzero: int | None = None,
    tol: Any = None,
    gram: Any = None,
    normalize: bool = False,
    exclude: Any = None,
    selection: str = "omp",
    nonnegative: bool = False,
    search_dtype: Any = None,
    dependence_tol: float | None = None,
    max_memory: int | None = None,
    check_finite: bool = True,
) -> OMPResult:
    r"""Sparse codes of signals in a Dask array, by orthogonal matching pursuit; lazy.

    Parameters
    ----------
    signals : dask array (B, M)
        Signals in rows, real or complex, in any chunks; rows that are cut are put together.
        The number of rows may be unknown.
    dictionary : array or dask array (N, M)
        Atoms, in a single chunk: every step looks at all of them.
    n_nonzero : int, optional
        Atoms at most, for each signal.
    tol : float, array or dask array (B,), optional
        Relative norm of the residual at which a signal is ready.
    gram : array or dask array (N, N), optional
        ``conj(dictionary) @ dictionary.T``, in a single chunk. By default it is computed once
        where that pays for all signals together, and goes to every block, as the dictionary does.
    exclude : array or dask array, optional
        As in `orthola.omp`: bool (N,), or one row for each signal.
    normalize, selection, nonnegative, search_dtype, dependence_tol, max_memory, check_finite
        As in `orthola.omp`; `max_memory` is for each block at a time.

    Returns
    -------
    OMPResult
        Of dask arrays with the chunks of `signals`: `indices` and `coefficients` (B, K),
        `n_active`, `residual_norm` and `status` (B,). Compute them together
        (``dask.compute(*result)``): each block is then coded once.

    Raises
    ------
    TypeError, ValueError
        At once, as `orthola.omp` does, and for a dictionary in several chunks; for values that
        are not finite when the result is computed.

    Notes
    -----
    Codes are those of `orthola.omp`, and the same for every scheduler, order and retry. Each block
    runs in one thread: blocks side by side are what keeps processors busy, some ten thousand
    signals each.

    Examples
    --------
    >>> import dask
    >>> import dask.array as da
    >>> import numpy as np
    >>> from orthola.adapters.dask import omp
    >>> signals = da.from_array(np.eye(4)[[2, 0, 1]] * 5.0, chunks=(2, 4))
    >>> result = omp(signals, np.eye(4), n_nonzero=1)
    >>> indices, coefficients = dask.compute(result.indices, result.coefficients)
    >>> indices[:, 0], coefficients[:, 0]
    (array([2, 0, 1]), array([5., 5., 5.]))
    """
    _two_axes(signals, dictionary)
    if n_nonzero is not None:
        n_nonzero = checks.count("omp", "n_nonzero", n_nonzero, least=0)
    signals = signals.rechunk({1: -1})
    (b, m), n = signals.shape, dictionary.shape[0]
    rules = {
        "n_nonzero": n_nonzero,
        "normalize": normalize,
        "selection": selection,
        "nonnegative": nonnegative,
        "search_dtype": search_dtype,
        "dependence_tol": dependence_tol,
        "max_memory": max_memory,
        "check_finite": check_finite,
    }
    plan = explain(
        _omp,
        _stand_in(signals.dtype, _MANY if math.isnan(b) else b, m),
        _stand_in(dictionary.dtype, n, m),
        tol=0.5 if np.ndim(tol) else tol,
        **rules,
    )
    atoms = _one_chunk("dictionary", dictionary)
    if gram is not None:
        gram = _one_chunk("gram", gram)
    elif plan["form"] == "stored-rows":
        gram = delayed(_gram, pure=True)(atoms, signals.dtype)
    coded = da.blockwise(
        _coded, "i", signals, "im",
        *_per_signal("tol", tol, "i", signals.chunks[0]),
        *_per_signal("exclude", exclude, "ie", signals.chunks[0]),
        dictionary=atoms, gram=gram, rules=rules,
        concatenate=True, dtype=object, meta=np.empty(0, object),
    )  # fmt: skip
    k = min(n, m) if n_nonzero is None else n_nonzero
    return OMPResult(*_fields(coded, k, signals.dtype, dictionary.dtype))


def _per_signal(name: str, x: Any, index: str, rows: tuple[int, ...]) -> tuple[Any, str | None]:
    """An argument with a row for each signal in their chunks, or one that is for all of them."""
    if np.ndim(x) == len(index):
        x = x if isinstance(x, da.Array) else da.from_array(np.asarray(x))
        if not math.isnan(sum(rows)) and x.shape[0] != sum(rows):
            raise ValueError(
                f"omp: expected {name} with one row for each of the {sum(rows)} signals, got "
                f"shape {x.shape}"
            )
        return x.rechunk((rows, *x.shape[1:])), index
    return (delayed(np.asarray(x), pure=True) if np.ndim(x) else x), None


def _fields(coded: Any, k: int, *dtypes: Any) -> list[Any]:
    """The fields of results, the chunks of `coded`, as arrays (B, k) and (B,)."""
    # What a pursuit of nothing returns has their dtypes.
    kinds = _omp(np.empty((0, 1), dtypes[0]), np.ones((1, 1), dtypes[1]), n_nonzero=1)
    return [
        da.blockwise(
            _field, "ik"[: kind.ndim], coded, "i", place=place,
            new_axes={"k": k} if kind.ndim == 2 else {}, dtype=kind.dtype, meta=kind[:0],
        )
        for place, kind in enumerate(kinds)
    ]  # fmt: skip


def _coded(
    signals: Any, tol: Any, exclude: Any, *, dictionary: Any, gram: Any, rules: dict[str, Any]
) -> OMPResult:
    with options(threads=1):
        return _omp(signals, dictionary, gram=gram, tol=tol, exclude=exclude, **rules)


def _field(result: OMPResult, *, place: int) -> Any:
    return result[place]


def _gram(dictionary: Any, dtype: Any) -> Any:
    atoms = dictionary.astype(np.result_type(dictionary, dtype), copy=False)
    return atoms.conj() @ atoms.T


def _two_axes(signals: Any, dictionary: Any) -> None:
    if not isinstance(signals, da.Array):
        raise TypeError(
            "omp: expected signals to be a dask array, got "
            f"{type(signals).__module__}.{type(signals).__qualname__}; orthola.omp is for arrays "
            "in memory"
        )
    if signals.ndim != 2 or np.ndim(dictionary) != 2 or signals.shape[1] != dictionary.shape[1]:
        raise ValueError(
            "omp: expected signals of shape (B, M) and a dictionary of shape (N, M), got "
            f"{signals.shape} and {np.shape(dictionary)}; reshape a stack of signals to rows"
        )


def _one_chunk(name: str, x: Any) -> Any:
    """One task that every block waits for."""
    if not isinstance(x, da.Array):
        return delayed(np.asarray(x), pure=True)
    if x.npartitions != 1:
        raise ValueError(
            f"omp: expected {name} in a single chunk, got chunks {x.chunks}; every step compares "
            f"all atoms, so the whole of it has to be in the memory of each worker: pass "
            f"{name}.rechunk(-1), or code against parts of it and compare the residuals"
        )
    return x.to_delayed().item()


def _stand_in(dtype: Any, rows: int, columns: int) -> NDArray[Any]:
    """An array of that shape without memory."""
    return np.broadcast_to(np.zeros((), dtype), (rows, columns))

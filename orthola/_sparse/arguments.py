"""Arguments of `omp` and `omp_path`: checks, conversions, and the plan that follows from them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import is_array_api_obj

from .._core import checks
from .._core.options import current
from .._core.space import Space, is_traced, resolve
from .coding import Call
from .plan import budget, facts_of, plan_pursuit

__all__ = ["Options", "Request", "prepare"]

SELECTIONS = ("omp", "ols")


class Options(NamedTuple):
    """The options of a call, as they were given."""

    n_nonzero: Any
    tol: Any
    gram: Any
    normalize: bool
    exclude: Any
    selection: str
    nonnegative: bool
    search_dtype: Any
    dependence_tol: Any
    max_memory: Any
    check_finite: bool


class Request(NamedTuple):
    """A call that is ready to run."""

    given: Space  # of the arrays as they came
    space: Space  # in which is calculated
    call: Call
    arrays: tuple[Any, ...]  # signals, dictionary, and what `call` names
    shape: tuple[int, ...]  # (..., B), of the result


def prepare(function: str, signals: Any, dictionary: Any, options: Options) -> Request:
    """Check everything static, and plan."""
    given, (y, a, *rest) = resolve(
        function, signals, dictionary, *(() if options.gram is None else (options.gram,))
    )
    checks.is_matrix(function, y, name="signals", rows=True)
    checks.is_matrix(function, a, name="dictionary", rows=True)
    if y.shape[-1] != a.shape[-1]:
        raise ValueError(
            f"{function}: expected signals (..., B, M) and a dictionary (..., N, M) of one length "
            f"M, got {tuple(y.shape)} and {tuple(a.shape)}; rows are signals and atoms (for "
            "scikit-learn's orthogonal_mp(X, y) pass y.T and X.T)"
        )
    _check_words(function, given, options)
    space = checks.compute_space(function, given, None)
    n, m = a.shape[-2:]
    lead, own = _lead(function, y, a), tuple(a.shape[:-2])
    shape = (*lead, y.shape[-2])
    if own:
        y = space.xp.broadcast_to(y, (*shape, m))
        a = space.xp.broadcast_to(a, (*lead, n, m))
    arrays = [space.xp.astype(x, space.dtype, copy=False) for x in (y, a)]
    if rest:
        arrays.append(_gram(function, space, rest[0], lead if own else (), n))
    if options.tol is not None:
        arrays.append(_tolerances(function, space, options.tol, shape))
    k_max, counts = _counts(function, space, options, shape, min(n, m))
    if counts is not None:
        arrays.append(counts)
    kind, excluded = _exclusions(function, space, options.exclude, shape, n, bool(own))
    if kind:
        arrays.append(excluded)
    if not own:  # one batch axis
        flat = math.prod(shape)
        arrays[0] = space.xp.reshape(arrays[0], (flat, m))
        first = 3 if rest else 2
        for i, x in enumerate(arrays[first:], first):
            per_signal = not (kind == "atoms" and i == len(arrays) - 1)
            if per_signal:
                arrays[i] = space.xp.reshape(x, (flat, *x.shape[len(shape) :]))
    rule = "ols" if options.selection == "ols" else "normalized" if options.normalize else "omp"
    facts = facts_of(space, y, a, gram_given=bool(rest))._replace(atoms=n)
    memory = options.max_memory
    if memory is None:
        memory = budget(space)
    plan = plan_pursuit(
        facts,
        rule,
        bool(options.nonnegative),
        k_max,
        options.tol is not None,
        _dependence(function, options.dependence_tol),
        checks.count(function, "max_memory", memory),
        current().kernels,
    )
    call = Call(
        plan,
        _search(function, space, options),
        bool(rest),
        options.tol is not None,
        counts is not None,
        kind,
        bool(options.check_finite),
    )
    return Request(given, space, call, tuple(arrays), shape)


def _check_words(function: str, given: Space, options: Options) -> None:
    checks.one_of(function, "selection", options.selection, SELECTIONS)
    if options.n_nonzero is None and options.tol is None:
        raise ValueError(
            f"{function}: expected n_nonzero, tol or both, got neither; give the number of atoms "
            "per signal, or the relative residual at which to stop"
        )
    if options.nonnegative and given.is_complex:
        raise TypeError(
            f"{function}: expected real arrays with nonnegative=True, got {given.dtype_name}"
        )
    if options.nonnegative and options.selection == "ols":
        raise ValueError(
            f"{function}: expected selection='omp' with nonnegative=True, got 'ols'; the fall of "
            "the residual that orthogonal least squares compares supposes free coefficients"
        )


def _lead(function: str, y: Any, a: Any) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(tuple(y.shape[:-2]), tuple(a.shape[:-2]))
    except ValueError:
        raise ValueError(
            f"{function}: expected leading axes that broadcast, got signals {tuple(y.shape)} and a "
            f"dictionary {tuple(a.shape)}"
        ) from None


def _gram(function: str, space: Space, gram: Any, lead: tuple[int, ...], n: int) -> Any:
    if gram.ndim < 2 or tuple(gram.shape[-2:]) != (n, n):
        raise ValueError(
            f"{function}: expected gram of shape (..., {n}, {n}), dictionary.conj() @ "
            f"dictionary.T, got {checks.describe(gram)}"
        )
    gram = space.xp.astype(gram, space.dtype, copy=False)
    try:
        return space.xp.broadcast_to(gram, (*lead, n, n))
    except Exception:
        raise ValueError(
            f"{function}: expected gram of shape {(*lead, n, n)}, got {checks.describe(gram)}"
        ) from None


def _tolerances(function: str, space: Space, tol: Any, shape: tuple[int, ...]) -> Any:
    if not is_array_api_obj(tol) and not isinstance(tol, (list, tuple)):
        tol = checks.real_in(function, "tol", tol, 0.0, math.inf, closed=True)
        return space.xp.full(shape, tol, dtype=space.real_dtype, device=space.device)
    tol = _array(function, space, "tol", tol)
    if space.name == "numpy" and not (tol >= 0).all():
        raise ValueError(f"{function}: expected tol >= 0, got {tol.min()}")
    tol = space.xp.astype(tol, space.real_dtype, copy=False)
    return _per_signal(function, space, "tol", tol, shape)


def _counts(
    function: str, space: Space, options: Options, shape: tuple[int, ...], most: int
) -> tuple[int, Any | None]:
    """K, and the numbers per signal if they differ."""
    given = options.n_nonzero
    if given is None:
        return most, None
    if not is_array_api_obj(given) and not isinstance(given, (list, tuple)):
        number = checks.count(function, "n_nonzero", given, least=0)
        return _below(function, number, most), None
    if is_traced(given):
        raise TypeError(
            f"{function}: expected n_nonzero whose values can be read, got a traced array; the "
            "shape of the result depends on the largest: pass an integer or a NumPy array"
        )
    # Under jax.jit even constants are traced, so host data is looked at before it is converted.
    host = isinstance(given, (list, tuple, np.ndarray))
    seen: Any = np.asarray(given) if host else _array(function, space, "n_nonzero", given)
    integral = seen.dtype.kind in "iu" if host else space.xp.isdtype(seen.dtype, "integral")
    if not integral:
        raise TypeError(f"{function}: expected integers for n_nonzero, got {checks.describe(seen)}")
    xp: Any = np if host else space.xp
    k_max = 0
    if 0 not in seen.shape:
        k_max = int(xp.max(seen))
        checks.count(function, "n_nonzero", int(xp.min(seen)), least=0)
    counts = _array(function, space, "n_nonzero", given)
    counts = _per_signal(function, space, "n_nonzero", counts, shape)
    return _below(function, k_max, most), _for_rule(space, counts)


def _below(function: str, number: int, most: int) -> int:
    if number > most:
        raise ValueError(
            f"{function}: expected n_nonzero <= min(n_atoms, n_features) = {most}, got {number}; "
            "more atoms are always dependent"
        )
    return number


def _exclusions(
    function: str, space: Space, exclude: Any, shape: tuple[int, ...], n: int, stacked: bool
) -> tuple[str, Any]:
    if exclude is None:
        return "", None
    x, xp = _array(function, space, "exclude", exclude), space.xp
    is_mask = xp.isdtype(x.dtype, "bool")
    whole = "bool (n_atoms,), bool (..., B, n_atoms), or integers (..., B, e) padded with -1"
    if not is_mask and not xp.isdtype(x.dtype, "integral"):
        raise TypeError(f"{function}: expected exclude to be {whole}, got {checks.describe(x)}")
    if (is_mask and x.shape[-1] != n) or (not is_mask and x.ndim < 2) or x.ndim == 0:
        raise ValueError(
            f"{function}: expected exclude to be {whole}, with n_atoms = {n}, got "
            f"{checks.describe(x)}"
        )
    if not is_mask and isinstance(exclude, (list, tuple, np.ndarray)) and 0 not in x.shape:
        seen = np.asarray(exclude)  # under jax.jit even constants are traced
        least, most = int(seen.min()), int(seen.max())
        if least < -1 or most >= n:
            raise ValueError(
                f"{function}: expected integers from 0 to n_atoms - 1 = {n - 1} in exclude, padded "
                f"with -1, got {least if least < -1 else most}"
            )
    if is_mask and x.ndim == 1:
        if stacked:
            x = xp.broadcast_to(x, (*shape[:-1], n))
        return "atoms", _for_rule(space, x)
    try:
        x = xp.broadcast_to(x, (*shape, x.shape[-1]))
    except Exception:
        raise ValueError(
            f"{function}: expected exclude to have the batch axes {shape}, got {checks.describe(x)}"
        ) from None
    return "mask" if is_mask else "list", _for_rule(space, x)


def _array(function: str, space: Space, option: str, x: Any) -> Any:
    """An option as an array of the space; host data may come with any library."""
    if isinstance(x, (list, tuple, np.ndarray, np.generic)):
        try:
            x = np.ascontiguousarray(x)
        except ValueError:
            raise TypeError(
                f"{function}: expected rows of equal length in {option}, got nested lists of "
                "different lengths"
            ) from None
        if x.dtype.kind not in "fiub":
            raise TypeError(
                f"{function}: expected numbers for {option}, got {x.dtype} of shape {x.shape}"
            )
        return x if space.name == "numpy" else space.xp.asarray(x, device=space.device)
    from array_api_compat import array_namespace

    if not is_array_api_obj(x) or array_namespace(x) is not space.xp:
        libraries = "NumPy" if space.name == "numpy" else f"{space.name} or NumPy"
        raise TypeError(
            f"{function}: expected {option} as an array from {libraries}, because the signals are "
            f"from {space.name}, got {type(x).__module__}.{type(x).__qualname__}"
        )
    return x


def _per_signal(function: str, space: Space, option: str, x: Any, shape: tuple[int, ...]) -> Any:
    try:
        return space.xp.broadcast_to(x, shape)
    except Exception:
        raise ValueError(
            f"{function}: expected {option} to be a number or of shape {shape}, one for each "
            f"signal, got {checks.describe(x)}"
        ) from None


def _for_rule(space: Space, x: Any) -> Any:
    """Where functions have derivatives their arguments are floating; small integers are exact."""
    if space.name in ("torch", "jax"):
        return space.xp.astype(x, space.real_dtype)
    return x


def _dependence(function: str, value: Any) -> float | None:
    if value is None:
        return None
    return checks.real_in(function, "dependence_tol", value, 0.0, 1.0, closed=True)


def _search(function: str, space: Space, options: Options) -> str | None:
    """Dtype of a search with a certificate; None where there is nothing to be gained."""
    if options.search_dtype is None:
        return None
    name = checks.precision(function, "search_dtype", options.search_dtype, ("float32", "float64"))
    if name == space.real_name or space.real_name == "float32":
        return None
    if options.selection == "ols" or options.nonnegative:
        return None  # no certificate for these: everything is done in double precision
    return "complex64" if space.is_complex else "float32"

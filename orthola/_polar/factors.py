"""Both polar factors of tall items: scaling, method, fallback, status. The text of `polar`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .._core.autodiff import Rule
from .._core.errors import Status
from .._core.linalg import Products, operations, products, sums_of_squares, wide
from .._core.scaling import largest_entry, power_of_two_exponent, scale_by_power_of_two
from .._core.space import Space
from .engine import Factor
from .plan import Plan
from .tangent import polar_pullback, polar_tangent

__all__ = ["FACTORS", "raise_if_nonfinite"]


def factors(space: Space, plan: Plan, x: Any) -> tuple[Any, Any, Any]:
    """Return (U, H, status) of tall `x`, H = sym(U^H X) of order n."""
    if 0 in x.shape:
        return _empty(space, x)
    if plan.static:
        space = replace(space, traced=True)  # values are not to be looked at
    if plan.kernel is not None:
        return _by_kernel(space, plan, x)
    if space.name == "numpy" and x.ndim == 2 and plan.method == "svd":
        from .single import polar_one

        done = polar_one(space, x) if plan.completion == "orthonormal" else None
        if done is not None:
            return done
    xp = space.xp
    size = largest_entry(space, x)
    finite, nonzero = xp.isfinite(size), size != 0
    if plan.check_finite and not space.traced:
        raise_if_nonfinite(space, x, finite)
    regular = finite & nonzero
    all_regular = space.eager and bool(xp.all(regular))
    exponent = power_of_two_exponent(
        space, size if all_regular else xp.where(regular, size, xp.ones_like(size))
    )
    y = scale_by_power_of_two(space, x, -exponent)
    eye = xp.eye(*x.shape[-2:], dtype=x.dtype, device=space.device)
    if not all_regular:
        # NaN must not reach LAPACK, and zero items are decided here: both become I.
        y = xp.where(wide(regular), y, eye)
    factor = _run(space, plan, y)
    u, h, smallest = factor.unitary, factor.hermitian, factor.smallest
    if smallest is None:
        smallest = _smallest(xp, h)
    h = scale_by_power_of_two(space, h, exponent)
    threshold = max(x.shape[-2:]) * space.eps
    code = xp.astype(smallest <= threshold, xp.int32) * int(Status.RANK_DEFICIENT)
    code = xp.where(factor.certified, code, xp.full_like(code, int(Status.NOT_CONVERGED)))
    if not all_regular:
        u, h, code = _mark(space, u, h, code, finite, nonzero, eye, plan)
    return u, h, code


def _mark(
    space: Space, u: Any, h: Any, code: Any, finite: Any, nonzero: Any, eye: Any, plan: Plan
) -> tuple[Any, Any, Any]:
    """Zero items get U = I (or 0), H = 0; items with NaN or Inf are NaN throughout."""
    xp = space.xp
    of_zero = eye if plan.completion == "orthonormal" else xp.zeros_like(eye)
    u = xp.where(wide(nonzero), u, of_zero)
    h = xp.where(wide(nonzero), h, xp.zeros_like(h))
    u = xp.where(wide(finite), u, xp.full_like(u, float("nan")))
    h = xp.where(wide(finite), h, xp.full_like(h, float("nan")))
    code = xp.where(nonzero, code, xp.full_like(code, int(Status.RANK_DEFICIENT)))
    return u, h, xp.where(finite, code, xp.full_like(code, int(Status.NONFINITE)))


def _smallest(xp: Any, h: Any) -> Any:
    """sigma_n / sigma_1 from H, for the methods that have no estimate of their own."""
    lam = xp.abs(xp.linalg.eigvalsh(h))
    return xp.min(lam, axis=-1) / xp.max(lam, axis=-1)


def _measured(space: Space, factor: Factor, y: Any) -> Factor:
    """With H, and certified only where the residual ||A - U H||_F is what `polar` promises."""
    ops = operations(space, y.ndim)
    h, skew = factor.hermitian, factor.skew
    if h is None:
        h, skew = ops.hermitian_and_skew(factor.unitary, y)
    ok = factor.certified
    if skew is not None:
        size = space.xp.sqrt(sums_of_squares(space.xp, h))
        ok = ok & (skew <= _residual(space, y.shape[-1]) * size)
    return factor._replace(hermitian=h, certified=ok, skew=None)


def _residual(space: Space, n: int) -> float:
    """Bound of ||A - U H||_F / ||A||_F for the iterations."""
    if space.eps > 1e-10:
        return 4e-6 * math.sqrt(max(1.0, n / 1000.0))
    return (10.0 * math.sqrt(n) + 60.0) * space.eps / 2


def _run(space: Space, plan: Plan, y: Any) -> Factor:
    """The method on the whole stack, or item by item where BLAS works in place."""
    iterates = plan.method != "svd"
    if space.name == "numpy" and y.ndim > 2 and iterates:
        return _by_item(space, plan, y)
    ops = operations(space, y.ndim)
    if iterates and _by_rows(space, y):
        factor = _transposed(lambda x: _method(plan, x, ops), y)
    else:
        factor = _method(plan, y, ops)
    if not iterates:
        return factor._replace(hermitian=ops.hermitian_product(factor.unitary, y))
    repairs = plan.fallback and not plan.static
    if not (repairs and space.name == "numpy" and not bool(factor.certified)):
        factor = _measured(space, factor, y)
    if space.name == "numpy" and y.ndim == 2:
        smallest = None if factor.smallest is None else space.xp.asarray(factor.smallest)
        factor = factor._replace(certified=space.xp.asarray(factor.certified), smallest=smallest)
    return _repaired(space, factor, y) if repairs else factor


def _by_rows(space: Space, y: Any) -> bool:
    """Whether the transpose of square `y` is in the order that BLAS wants."""
    return space.name == "numpy" and y.shape[0] == y.shape[1] and y.flags.c_contiguous


def _transposed(method: Callable[[Any], Factor], y: Any) -> Factor:
    """U(A) = U(A^T)^T; H is another one there."""
    factor = method(y.T)
    return factor._replace(unitary=factor.unitary.T, hermitian=None, skew=None)


def _by_item(space: Space, plan: Plan, y: Any) -> Factor:
    xp = space.xp
    flat = xp.reshape(y, (-1, *y.shape[-2:]))
    parts = [_run(space, plan, flat[i, ...]) for i in range(flat.shape[0])]
    stacked: list[Any] = []
    for field in zip(*parts, strict=True):
        # Items that fell back on the SVD may lack what the others have.
        if any(value is None for value in field):
            stacked.append(None)
            continue
        values = xp.stack([xp.asarray(v) for v in field])
        stacked.append(xp.reshape(values, (*y.shape[:-2], *values.shape[1:])))
    return Factor(*stacked)


def _method(plan: Plan, y: Any, ops: Products) -> Factor:
    """Run one method; each lives in its own file, loaded when first asked for."""
    bound, most = plan.lower_bound, plan.max_steps
    if plan.method == "svd":
        from .svd import svd, svd_partial

        return svd(y, ops) if plan.completion == "orthonormal" else svd_partial(y, ops)
    if plan.method == "newton":
        from .newton import newton

        return newton(y, ops, max_steps=most)
    if plan.method == "newton-schulz":
        from .newton_schulz import newton_schulz

        return newton_schulz(ops.load(y), ops, lower_bound=bound, max_steps=most)
    if plan.method == "qr-halley":
        from .qr_halley import qr_halley

        return qr_halley(ops.load(y), ops, lower_bound=bound, max_steps=most)
    if plan.method == "gram":
        from .gram import gram

        double = "complex128" if ops.space.is_complex else "float64"
        return gram(y, ops, operations(ops.space.with_dtype(double), y.ndim))
    from .halley import default_cap, halley, halley_static
    from .schedules import exact_plan

    if plan.static:
        u = ops.space.eps / 2
        # The normalisation leaves sigma_1 at n^(-1/4) or above.
        lower = u / 4 if bound is None else bound * float(y.shape[-1]) ** -0.25
        cap = plan.cap or default_cap(u, y.shape[-1])
        weights = exact_plan("halley", lower_bound=lower, unit_roundoff=u, cap=cap)
        return halley_static(ops.load(y), ops, weights=weights[:most])
    return halley(
        ops.load(y), ops, lower_bound=bound, cap=plan.cap, max_steps=most, patience=plan.patience
    )


def _repaired(space: Space, factor: Factor, y: Any) -> Factor:
    """Items whose certificate failed, computed again by the SVD."""
    from .svd import svd

    xp = space.xp
    if space.name == "jax":
        from jax import lax

        given = factor
        if given.smallest is None:
            given = given._replace(smallest=_smallest(xp, given.hermitian))
        return lax.cond(  # type: ignore[no-any-return]
            xp.all(factor.certified), lambda: given, lambda: _mixed(space, given, y)
        )
    if bool(xp.all(factor.certified)):
        return factor
    if y.ndim == 2:
        ops = operations(space, y.ndim)
        other = _transposed(lambda x: svd(x, ops), y) if _by_rows(space, y) else svd(y, ops)
        return other._replace(hermitian=ops.hermitian_product(other.unitary, y))
    return _mixed(space, factor, y)


def _mixed(space: Space, factor: Factor, y: Any) -> Factor:
    from .svd import svd

    xp, ok = space.xp, factor.certified
    other = svd(xp.where(wide(ok), _identity_like(space, y), y), products(space))
    u = xp.where(wide(ok), factor.unitary, other.unitary)
    again = operations(space, y.ndim).hermitian_product(other.unitary, y)
    h = xp.where(wide(ok), factor.hermitian, again)
    smallest = None
    if factor.smallest is not None:
        smallest = xp.where(ok, factor.smallest, other.smallest)
    return Factor(u, ok | other.certified, smallest, h)


def _identity_like(space: Space, y: Any) -> Any:
    return space.xp.eye(*y.shape[-2:], dtype=y.dtype, device=space.device)


def _by_kernel(space: Space, plan: Plan, x: Any) -> tuple[Any, Any, Any]:
    """A stack of small matrices in one Numba or CUDA kernel; uncertified items by the SVD."""
    from .._core.dispatch import load
    from .._core.options import current

    assert plan.kernel is not None
    if space.name == "torch":
        return load(plan.kernel)(plan, x)  # type: ignore[no-any-return]
    polar_stack = load(plan.kernel)
    xp = space.xp
    m, n = x.shape[-2:]
    u, h, code = polar_stack(xp.reshape(x, (-1, m, n)), threads=current().threads)
    code = xp.astype(code, xp.int32, copy=False)
    if plan.check_finite:
        raise_if_nonfinite(space, x, code != int(Status.NONFINITE))
    if plan.fallback:
        (again,) = xp.nonzero(code == int(Status.NOT_CONVERGED))
        if again.size:
            by_svd = plan._replace(method="svd", kernel=None, check_finite=False)
            redone = factors(space, by_svd, xp.reshape(x, (-1, m, n))[again])
            u[again], h[again], code[again] = redone
    batch = x.shape[:-2]
    return u.reshape(*batch, m, n), h.reshape(*batch, n, n), code.reshape(batch)


def _empty(space: Space, x: Any) -> tuple[Any, Any, Any]:
    xp, n = space.xp, x.shape[-1]
    h = xp.zeros((*x.shape[:-2], n, n), dtype=x.dtype, device=space.device)
    code = xp.zeros(x.shape[:-2], dtype=xp.int32, device=space.device)
    return xp.zeros_like(x), h, code


def raise_if_nonfinite(space: Space, x: Any, finite: Any) -> None:
    """ValueError that says which items hold NaN or infinities."""
    xp = space.xp
    if bool(xp.all(finite)):
        return
    where = ""
    if x.ndim > 2:
        bad = [i for i, good in enumerate(xp.reshape(finite, (-1,))) if not bool(good)]
        count = len(bad)
        where = f" in {count} of its items (the first at flat index {bad[0]})"
    raise ValueError(
        f"polar: expected finite entries, got NaN or infinity{where} in {x.dtype} of shape "
        f"{tuple(x.shape)}; mend the input, or pass check_finite=False to get NaN and status "
        "NONFINITE for those items only"
    )


def _primal(space: Space, static: Any, arrays: Any) -> tuple[Any, ...]:
    return factors(space, static, arrays[0])


def _tangent(space: Space, static: Any, inputs: Any, outputs: Any, t: Any) -> tuple[Any, Any]:
    return polar_tangent(space, static.degenerate, inputs[0], outputs[0], outputs[1], t[0])


def _pullback(space: Space, static: Any, inputs: Any, outputs: Any, bars: Any) -> tuple[Any]:
    return (polar_pullback(space, static.degenerate, inputs[0], *outputs[:2], *bars),)


def _outline(space: Space, arrays: Any) -> tuple[Any, Any, Any]:
    (x,), xp = arrays, space.xp
    *batch, _, n = x.shape
    h = xp.empty((*batch, n, n), dtype=x.dtype, device=space.device)
    return xp.empty_like(x), h, xp.empty(tuple(batch), dtype=xp.int32, device=space.device)


FACTORS = Rule("polar", Plan, _primal, _outline, _pullback, _tangent, smooth=2)

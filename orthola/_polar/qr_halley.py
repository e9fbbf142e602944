"""Dynamically weighted Halley iteration with QR steps: the form with a proof (given pivoting).

Nakatsukasa, Bai and Gygi (2010, doi:10.1137/090774999); backward stability with the QR form:
Nakatsukasa and Higham (2012, doi:10.1137/110857544). Five steps at any condition number.
"""

from __future__ import annotations

from typing import Any

from .._core.linalg import Products, adjoint, sums_of_squares, wide
from .engine import Factor, converged, normalise, polish
from .schedules import exact_plan

__all__ = ["qr_halley"]

_CHOLESKY_UP_TO = 100.0  # weight c from which the Cholesky form would lose digits


def qr_halley(x: Any, ops: Products, *, lower_bound: float | None, max_steps: int | None) -> Factor:
    """Uncapped weights; the QR factorisation of [sqrt(c) X; I] while c is large."""
    space, xp, n = ops.space, ops.scalars, x.shape[-1]
    u = space.eps / 2
    given = 1.0 * x
    x, g, _ = normalise(x, ops)
    bound = u / 4 if lower_bound is None else lower_bound * float(n) ** -0.25
    plan = exact_plan("qr-halley", lower_bound=bound, unit_roundoff=u)
    plan = (*plan, (3.0, 1.0, 3.0), (3.0, 1.0, 3.0))[:max_steps]
    defect = ops.defect(g)
    for a, b, c in plan:
        done = converged(defect, space, n)
        if not ops.likely(xp.logical_not(done)):
            break
        if c > _CHOLESKY_UP_TO:
            y = ops.load(_qr_step(x, ops, a, b, c))
        else:
            y = ops.add_inverse(x, ops.inverse_shifted(g, c), a - b / c, b / c)
        h = ops.gram(y)
        x, g = ops.choose(done, x, y), ops.choose(done, g, h)
        defect = xp.where(done, defect, ops.defect(h))
    ok = converged(defect, space, n)
    x = ops.choose(ok, polish(x, g, defect, ops), x)
    # The proof asks for pivoting, which the standard lacks: on exactly dependent columns (matrices
    # of integers, say) digits can be lost without it. So the residual is part of the certificate.
    h = ops.hermitian_product(x, given)
    lost = sums_of_squares(space.xp, given - x @ h) / sums_of_squares(space.xp, given)
    ok = ok & (space.xp.sqrt(lost) <= (10.0 * n**0.5 + 60.0) * u)
    return Factor(x, ok, None, h)


def _qr_step(x: Any, ops: Products, a: float, b: float, c: float) -> Any:
    xp, (m, n) = ops.xp, x.shape[-2:]
    eye = xp.broadcast_to(ops.identity(x), (*x.shape[:-2], n, n))
    q, _ = xp.linalg.qr(xp.concat([c**0.5 * x, eye], axis=-2))
    top, bottom = q[..., :m, :], q[..., m:, :]
    return wide(b / c) * x + wide((a - b / c) / c**0.5) * (top @ adjoint(xp, bottom))

"""Whether an answer is right, measured in float64 with Array-API calls, where the answer is.

Gram matrices in float64 are accurate enough for all that is asked here: singular values above
1e-3 of the norm, and distances from orthonormality by their Frobenius norm, an upper bound.
"""

from typing import Any

from array_api_compat import array_namespace

Verdict = dict[str, Any]

# What rounding may add to the stated interval, by dtype of the products.
ALLOWANCE = {"float64": 1e-12, "float32": 2e-4, "float16": 5e-3, "bfloat16": 3e-2}
_ASYMMETRY = {"float64": 1e-10, "float32": 1e-3, "float16": 0.03, "bfloat16": 0.2}
_LARGEST_OF_PEERS = 1.35  # published iterations stay below


def _double(x: Any) -> tuple[Any, Any]:
    xp = array_namespace(x)
    return xp, xp.astype(x, xp.float64)


def _t(x: Any) -> Any:
    return array_namespace(x).matrix_transpose(x)


def _norm(x: Any) -> Any:
    xp = array_namespace(x)
    return xp.sqrt(xp.sum(x * x, axis=(-2, -1)))


def same(answer: Any, expected: Any, tolerance: float) -> Verdict:
    """Relative distance from another answer."""
    xp, x = _double(answer)
    _, y = _double(expected)
    error = float(xp.max(_norm(x - y) / _norm(y)))
    return {"ok": bool(error <= tolerance), "relative_error": error, "limit": tolerance}


def polar(a: Any, u: Any, h: Any) -> Verdict:
    """Orthogonality and residual of a tall or square decomposition, worst item of a stack."""
    n, single = a.shape[-1], "32" in str(a.dtype)
    roundoff = 2.0**-24 if single else 2.0**-53
    xp, a = _double(a)
    (_, u), (_, h) = _double(u), _double(h)
    eye = xp.eye(n, dtype=u.dtype, device=u.device)
    orthogonality = float(xp.max(_norm(_t(u) @ u - eye)))
    residual = float(xp.max(_norm(a - u @ h) / _norm(a)))
    psd = float(xp.max(-xp.linalg.eigvalsh(h)[..., 0] / _norm(h)))
    # The Frobenius norm is up to sqrt(n) times the spectral norm that targets are stated in.
    limits = (
        (1.5e-6 * n**0.5, 5e-6, n * roundoff)
        if single
        else (10 * roundoff * n, (10 * n**0.5 + 60) * roundoff, n * roundoff)
    )
    found = (orthogonality, residual, psd)
    names = ("orthogonality_frobenius", "residual", "psd_violation")
    return {
        "ok": all(x <= limit for x, limit in zip(found, limits, strict=True)),
        **dict(zip(names, found, strict=True)),
        "limits": limits,
    }


def orthogonalized(a: Any, y: Any, interval: tuple[float, float], dtype: str) -> Verdict:
    """Singular values in the stated interval, and singular vectors kept (Y^T A symmetric)."""
    low, high = interval
    largest, kept, asymmetry, count = _singular(a, y)
    slack = ALLOWANCE[dtype]
    good = largest <= high + slack and kept >= low - slack and asymmetry <= _ASYMMETRY[dtype]
    return {
        "ok": bool(good),
        "sigma_max": largest,
        "sigma_min_promised": kept,
        "promised": count,
        "interval": [low, high],
        "asymmetry": asymmetry,
    }


def sane(a: Any, y: Any) -> Verdict:
    """A peer's iteration did what such iterations do."""
    largest, kept, asymmetry, count = _singular(a, y)
    good = 0.3 <= largest <= _LARGEST_OF_PEERS and kept >= 0.05 and asymmetry <= 0.3
    return {
        "ok": bool(good),
        "sigma_max": largest,
        "sigma_min_promised": kept,
        "promised": count,
        "asymmetry": asymmetry,
    }


def _singular(a: Any, y: Any) -> tuple[float, float, float, int]:
    """Largest sigma of y; the k-th largest, k the number of sigma(a) >= ||a||/1000; asymmetry."""
    xp, a = _double(a)
    _, y = _double(y)
    if a.shape[-2] < a.shape[-1]:
        a, y = _t(a), _t(y)
    a = a / _norm(a)
    given = xp.linalg.eigvalsh(_t(a) @ a)
    found = xp.linalg.eigvalsh(_t(y) @ y)
    count = int(xp.sum(xp.astype(given >= 1.0001e-6, xp.int64)))
    product = _t(y) @ a
    asymmetry = float(_norm(product - _t(product)) / _norm(product))
    return float(found[-1]) ** 0.5, abs(float(found[-count])) ** 0.5, asymmetry, count

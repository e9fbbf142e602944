"""Singular values far below the largest one: what each exact engine knows of them."""

import numpy as np

from orthola._lowrank.state import SVDConfig
from tests.lowrank.feeding import EPS, holds, stream


def test_graded_gram():
    rng = np.random.default_rng(12)
    n = 40_000  # rounding of the entries is then small beside the least singular values
    u, v = (np.linalg.qr(rng.standard_normal((m, 14)))[0] for m in (14, n))
    m = (u * 10.0 ** -np.arange(14.0)) @ v.T
    s = accurate_values(m)
    found = {}
    for engine in ("exact-gram", "exact-r", "exact-refresh"):
        config = SVDConfig(features=14, rank=14, axis=1, engine=engine)
        found[engine], _ = stream(np.split(m, 8, axis=1), config)
        assert holds(found[engine], s)
    gram, exact, refreshed = found.values()
    assert gram.certificate.sigma_interval[-1, 1] >= 1e-9  # the floor is told
    assert abs(gram.singular_values[11] / s[11] - 1) > 0.1
    good = s >= 1e-8
    assert np.max(np.abs(exact.singular_values[good] - s[good])) <= 100 * EPS
    for result in (exact, refreshed):
        assert np.max(np.abs(result.singular_values[:12] / s[:12] - 1)) <= 1e-8
        low, high = result.certificate.sigma_interval[11]
        assert high - low <= 0.1 * s[11]
    # Squares in a basis of the first samples add nothing up along the stream.
    assert refreshed.certificate.allowance < exact.certificate.allowance


def accurate_values(m):
    """Singular values by one-sided Jacobi in extended precision, right in proportion to each."""
    a = np.ascontiguousarray(m, dtype=np.longdouble)
    for _ in range(12):
        most = 0.0
        for i in range(len(a) - 1):
            for j in range(i + 1, len(a)):
                p, q, r = a[i] @ a[i], a[j] @ a[j], a[i] @ a[j]
                most = max(most, abs(r) / np.sqrt(p * q))
                if r == 0:
                    continue
                z = (q - p) / (2 * r)
                t = (1 if z >= 0 else -1) / (abs(z) + np.sqrt(1 + z * z))
                c = 1 / np.sqrt(1 + t * t)
                a[i], a[j] = c * (a[i] - t * a[j]), c * (t * a[i] + a[j])
        if most < 1e-17:
            break
    return np.sort(np.sqrt(np.sum(a * a, axis=1)))[::-1].astype(float)

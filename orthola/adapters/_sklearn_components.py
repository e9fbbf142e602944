"""What scikit-learn calls components, variances and noise, of an `orthola.SVDResult`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import SVDResult

__all__ = ["Components", "components_of"]


class Components(NamedTuple):
    """Fitted numbers of a decomposition, in the dtype of the data."""

    components: NDArray[Any]  # (k, d), rows beyond the rank are zero
    singular_values: NDArray[Any]  # (k,)
    mean: NDArray[Any]  # (d,)
    variance: NDArray[Any]  # (d,)
    explained: NDArray[Any]  # (k,)
    ratio: NDArray[Any]  # (k,)
    noise: float
    result: SVDResult

    def covariance(self) -> NDArray[Any]:
        """(d, d) of the model: components and noise in all directions."""
        above = np.maximum(self.explained - self.noise, 0.0)
        flat = self.noise * np.eye(len(self.mean))
        found: NDArray[Any] = (self.components.T * above) @ self.components + flat
        return found

    def precision(self) -> NDArray[Any]:
        """(d, d) inverse of the covariance: V^T diag(1/v) V + (I - V^T V)/noise."""
        live = self.explained > self.noise
        v, values = self.components[live], self.explained[live]
        if self.noise == 0.0 and len(v) < len(self.mean):
            raise ValueError(
                "get_precision: expected data that fill all dimensions, or noise beyond the "
                f"components; {len(v)} of {len(self.mean)} directions have any variance, so there "
                "is no precision"
            )
        flat = 1.0 / self.noise if self.noise else 0.0
        found: NDArray[Any] = (v.T * (1.0 / values - flat)) @ v + flat * np.eye(len(self.mean))
        return found

    def log_likelihood(self, x: NDArray[Any]) -> NDArray[Any]:
        """(n,) of each row. Tipping, Bishop, doi:10.1111/1467-9868.00196."""
        precision = self.precision()
        rest = x - self.mean
        _, log_det = np.linalg.slogdet(precision)
        form = np.einsum("ij,ij->i", rest @ precision, rest)
        found: NDArray[Any] = -0.5 * (form + len(self.mean) * np.log(2.0 * np.pi) - log_det)
        return found


def components_of(
    result: SVDResult,
    samples: int,
    weight: float,
    variance: NDArray[Any],
    *,
    center: bool,
    fixed: bool,
) -> Components:
    """Numbers of that many rows of that weight.

    Centred, variances are s^2/(n - 1), as of a sample. Otherwise they are what the transformed
    columns have, s^2/n - |mean v|^2, of their total. `fixed`: the number of components does not
    depend on values.
    """
    basis, d = result.basis, len(result.mean)
    k = min(basis.shape[1], samples, d)
    if not fixed:  # all that are certainly there
        k = min(k, int(result.rank), int(np.sum(result.certificate.sigma_interval[:, 0] > 0)))
    components = np.ascontiguousarray(basis[:, :k].T)
    s = result.singular_values[:k]
    dtype, squares = s.dtype, s.astype(np.float64) ** 2
    over = max(weight - 1.0, 1.0) if center else max(weight, 1.0)
    if center:
        explained, total = squares / over, float(result.norm) ** 2 / over
    else:
        means = components @ result.mean.astype(np.float64)
        explained, total = np.maximum(squares / over - means**2, 0.0), float(np.sum(variance))
    ratio = explained / total if total > 0 else np.zeros_like(explained)
    low, high = (float(x) for x in result.certificate.error)
    left = min(d, samples) - k
    # Everything that was ever discarded counts; where it may be nothing, it is nothing.
    noise = (0.5 * (low + high)) ** 2 / (over * left) if left > 0 and low > 0 else 0.0
    return Components(
        components, s, result.mean, variance.astype(dtype), explained.astype(dtype),
        ratio.astype(dtype), noise, result,
    )  # fmt: skip

"""What a pursuit returns, and what can be made of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core import checks
from .._core.space import is_traced, resolve
from .._core.storage import on_host
from .transfer import combine

__all__ = ["OMPResult"]


class OMPResult(NamedTuple):
    """Sparse codes of many signals, of a static shape."""

    indices: Any  # integer (..., B, K), atoms in the order of selection, -1 beyond n_active
    coefficients: Any  # (..., B, K), 0 beyond n_active
    n_active: Any  # integer (..., B)
    residual_norm: Any  # real (..., B), ||y - x A||, absolute
    status: Any  # integer (..., B), see orthola.Status

    def dense(self, n_atoms: int) -> Any:
        """Codes as an array ``(..., B, n_atoms)``, mostly zeros.

        Parameters
        ----------
        n_atoms : int
            Rows of the dictionary.

        Examples
        --------
        >>> import numpy as np
        >>> import orthola
        >>> orthola.omp(np.array([[0.0, 2.0, 1.0]]), np.eye(3), n_nonzero=1).dense(3)
        array([[0., 2., 0.]])
        """
        n = _at_least(self.indices, checks.count("OMPResult.dense", "n_atoms", n_atoms, least=0))
        space, (x,) = resolve("OMPResult.dense", self.coefficients)
        xp = space.xp
        columns = xp.arange(n, dtype=self.indices.dtype, device=space.device)
        out = xp.zeros((*x.shape[:-1], n), dtype=x.dtype, device=space.device)
        if space.name == "numpy":  # one write per entry instead of one sweep per step
            used = self.indices >= 0
            out[(*used.nonzero()[:-1], self.indices[used])] = x[used]
            return out
        for t in range(x.shape[-1]):
            here = self.indices[..., t, None] == columns
            out = xp.where(here, x[..., t, None], out)
        return out

    def to_csr(self, n_atoms: int) -> Any:
        """Codes as a ``scipy.sparse.csr_array`` ``(B, n_atoms)``; leading axes are flattened.

        Only for arrays in main memory that can be read: it has a size that depends on values.

        Parameters
        ----------
        n_atoms : int
            Rows of the dictionary.

        Examples
        --------
        >>> import numpy as np
        >>> import orthola
        >>> codes = orthola.omp(np.array([[0.0, 2.0, 1.0]]), np.eye(3), n_nonzero=2).to_csr(3)
        >>> codes.indices, codes.data
        (array([1, 2]...), array([2., 1.]))
        """
        import numpy as np
        from scipy.sparse import csr_array

        n = checks.count("OMPResult.to_csr", "n_atoms", n_atoms, least=0)
        indices, data = (_seen(x) for x in (self.indices, self.coefficients))
        indices = indices.reshape(int(np.prod(indices.shape[:-1])), indices.shape[-1])
        data, used = data.reshape(indices.shape), indices >= 0
        if indices.size and int(indices.max()) >= n:
            _too_few(n, int(indices.max()))
        starts = np.concatenate([[0], np.cumsum(used.sum(axis=1))])
        codes = csr_array((data[used], indices[used], starts), shape=(indices.shape[0], n))
        codes.sort_indices()
        return codes

    def reconstruct(self, dictionary: Any) -> Any:
        """Signals ``(..., B, M)`` that the codes stand for, x A.

        Parameters
        ----------
        dictionary : array (N, M)
            The dictionary of the codes, or another one with an atom for each of its atoms.

        Examples
        --------
        >>> import numpy as np
        >>> import orthola
        >>> codes = orthola.omp(np.array([[0.0, 2.0, 1.0]]), np.eye(3), n_nonzero=1)
        >>> codes.reconstruct(np.eye(3))
        array([[0., 2., 0.]])
        """
        return combine("OMPResult.reconstruct", self.indices, self.coefficients, dictionary)


def _at_least(indices: Any, n: int) -> int:
    """`n`, if it is a possible number of atoms as far as that can be seen."""
    if type(indices).__module__ == "numpy" and indices.size and int(indices.max()) >= n:
        _too_few(n, int(indices.max()))
    return n


def _too_few(n: int, largest: int) -> None:
    raise ValueError(
        f"OMPResult: expected n_atoms of the dictionary, got {n} although atom {largest} is in "
        "use; pass dictionary.shape[0]"
    )


def _seen(x: Any) -> Any:
    if is_traced(x):
        raise TypeError(
            "OMPResult.to_csr: expected concrete values, got a traced array; return the result "
            "from the traced function and convert it outside"
        )
    return on_host(x)

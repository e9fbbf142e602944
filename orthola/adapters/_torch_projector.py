"""`HouseholderProjector`: a weight as a partial isometry of given rank, for PyTorch."""

# mypy: disallow-untyped-decorators=False, disallow-subclassing-any=False

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.utils import parametrize

from .. import householder_product, householder_projector, householder_projector_vectors
from .._core import checks

__all__ = ["HouseholderProjector"]


@torch.compiler.allow_in_graph
def _isometry(u: Tensor, v: Tensor, signs: Tensor) -> Tensor:
    with torch.autocast(u.device.type, enabled=False):
        return householder_projector(u, v, signs.to(u.dtype), packed=True)


@torch.compiler.allow_in_graph
def _frame(vectors: Tensor) -> Tensor:
    with torch.autocast(vectors.device.type, enabled=False):
        return householder_product(vectors, packed=True)


class HouseholderProjector(Module):
    r"""Make a weight a partial isometry: k singular values are one, the others zero.

    A = Q_u diag(d) Q_v^H, with k orthonormal columns in Q_u and in Q_v, each the product of k
    reflectors, trained together. The k directions of Q_v are then found apart from each other:
    what moves the latent code of a generator along one of them changes one thing, and A A^H and
    A^H A are orthogonal projectors. It starts at the partial isometry nearest to the weight.

    Parameters
    ----------
    module : torch.nn.Module
        The module that holds the weight. It is changed in place.
    name : str, optional
        Name of a parameter or buffer (m, n), or a batch (..., m, n), real or complex.
    rank : int, optional
        k, at most min(m, n).

    Attributes
    ----------
    signs : tensor (..., k)
        d, signs (int8) or phases; not trained.

    Raises
    ------
    TypeError, ValueError
        If there is no such tensor, it has less than two axes or is not floating, and on ranks out
        of range.

    Notes
    -----
    The weight becomes a function of ``original0`` (..., m, k) and ``original1`` (..., n, k) in
    ``module.parametrizations[name]``: reflectors, of which the strictly lower part is read. Give
    them to the optimiser; they are new parameters. Assignment, ``module.weight = value``, takes
    the partial isometry nearest to the value.

    **Cost**: O((m + n) k^2 + m n k), no square matrix. **Accuracy**: singular values are 1 and 0 to
    50 max(m, n) u. Half precision is computed in float32 and rounded once.

    References
    ----------
    Y. Song, J. Zhang, N. Sebe, W. Wang, arXiv:2307.08012 (Householder Projector).

    Examples
    --------
    >>> import torch
    >>> from orthola.adapters.torch import HouseholderProjector
    >>> layer = torch.nn.Linear(4, 6)
    >>> projector = HouseholderProjector(layer, rank=2)
    >>> torch.linalg.svdvals(layer.weight).round(decimals=4).tolist()
    [1.0, 1.0, 0.0, 0.0]
    >>> left, right = HouseholderProjector.frames(layer)
    >>> bool(torch.allclose(layer.weight @ right, left, atol=1e-6))
    True
    """

    signs: Tensor

    def __init__(self, module: Module, name: str = "weight", rank: int = 1) -> None:
        super().__init__()
        weight = getattr(module, name, None)
        if not isinstance(weight, Tensor):
            raise ValueError(
                f"HouseholderProjector: expected the name of a tensor of {type(module).__name__}, "
                f"got no parameter or buffer of name {name!r}"
            )
        checks.is_matrix("HouseholderProjector", weight, name=name)
        self.rank = checks.count("HouseholderProjector", "rank", rank)
        if self.rank > min(weight.shape[-2:]):
            raise ValueError(
                f"HouseholderProjector: expected rank <= {min(weight.shape[-2:])} for {name} of "
                f"shape {tuple(weight.shape)}, got {rank}"
            )
        self.register_buffer("signs", torch.ones(0))
        parametrize.register_parametrization(module, name, self, unsafe=True)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        """Q_u diag(d) Q_v^H."""
        return _isometry(left, right, self.signs)

    @torch.no_grad()
    def right_inverse(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Reflectors of the partial isometry nearest to a value; sets the signs."""
        u, v, signs, _ = householder_projector_vectors(value, rank=self.rank)
        self.signs = signs.resolve_conj() if signs.is_complex() else signs.to(torch.int8)
        return u, v

    @staticmethod
    def frames(module: Module, name: str = "weight") -> tuple[Tensor, Tensor]:
        """Orthonormal columns L, R with weight = L R^H: direction j of R is sent to that of L.

        Parameters
        ----------
        module : torch.nn.Module
            A module with a projector.
        name : str, optional
            Name of the weight.

        Returns
        -------
        tuple of tensors (..., m, k), (..., n, k)
            Functions of the parameters, like the weight itself.
        """
        chain = getattr(module, "parametrizations", {})
        ours = chain[name][0] if name in chain else None
        if not isinstance(ours, HouseholderProjector):
            raise ValueError(
                f"frames: expected a weight made by HouseholderProjector, got {name!r} of "
                f"{type(module).__name__}"
            )
        u, v = _frame(chain[name].original0), _frame(chain[name].original1)
        return u * ours.signs.to(u.dtype)[..., None, :], v

    def extra_repr(self) -> str:
        """What stands in the printed module."""
        return f"rank={self.rank}"

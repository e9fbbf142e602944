"""What ours is compared with, on the device."""

from collections.abc import Callable
from typing import Any

from benchmarks.cuda.libraries import Unavailable, library, to_torch
from benchmarks.speed.contenders import MUON_COEFFICIENTS, MUON_STEPS

Arrays = tuple[Any, ...]


def muon_step(x: Any, dtype: Any) -> Any:
    """Five equal quintic steps in `dtype`, the norm taken there too: the published iteration."""
    a, b, c = MUON_COEFFICIENTS
    wide = x.mT if x.shape[-2] > x.shape[-1] else x
    y = wide.to(dtype)
    y = y / (y.norm() + 1e-7)
    for _ in range(MUON_STEPS):
        gram = y @ y.mT
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return y.mT if x.shape[-2] > x.shape[-1] else y


def muon(host: Any, dtype: str, *, compiled: bool) -> tuple[str, Callable[[], Any], Any]:
    """Label, call and given array of the Muon iteration in PyTorch."""
    torch = library("torch")
    x = to_torch(host, dtype)
    kind = getattr(torch, dtype)
    if not compiled:
        return "torch Muon step, eager", lambda: muon_step(x, kind), x
    function = torch.compile(muon_step, fullgraph=True)
    try:
        function(x, kind)
    except Exception as error:  # whatever a compiler may raise
        raise Unavailable(f"torch.compile: {type(error).__name__}: {error}"[:300]) from None
    return "torch Muon step, torch.compile", lambda: function(x, kind), x


def torch_svd_route(host: Any, dtype: str) -> tuple[str, Callable[[], Arrays], Any]:
    """Both polar factors from the singular value decomposition."""
    torch = library("torch")
    x = to_torch(host, dtype)

    def call() -> Arrays:
        u, s, vh = torch.linalg.svd(x, full_matrices=False)
        return u @ vh, (vh.mT * s[..., None, :]) @ vh

    return "torch SVD route", call, x

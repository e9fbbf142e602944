"""The peers of the comparisons: which version is here, or why it is not."""

import importlib
import importlib.metadata
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One library that is compared with."""

    package: str  # as installed
    module: str
    compared: str  # with what


PEERS = (
    Peer("numpy", "numpy", "polar, procrustes, cayley: batched LAPACK"),
    Peer("scipy", "scipy", "polar, maps, procrustes"),
    Peer("torch", "torch", "polar, maps, orthogonalize, layers"),
    Peer("jax", "jax", "polar"),
    Peer("optax", "optax", "orthogonalize"),
    Peer("scikit-learn", "sklearn", "omp, dictionaries, streamed SVDs"),
    Peer("spams-bin", "spams", "omp, dictionaries"),
    Peer("dictlearn", "dictlearn", "omp"),
    Peer("qc-procrustes", "procrustes", "procrustes"),
    Peer("pymor", "pymor", "streamed SVDs to a tolerance"),
    Peer("dask", "dask.array", "distributed SVDs"),
    Peer("zarr", "zarr", "distributed SVDs: the arrays"),
)


def peers() -> list[dict[str, str | None]]:
    """Each with its version, or with the reason why it takes no part."""
    return [_state(peer) for peer in PEERS]


def seen(versions: Iterable[Mapping[str, str]]) -> list[dict[str, str | None]]:
    """Each with the versions that results name, oldest first."""
    found: dict[str, list[str]] = {}
    for named in versions:
        for package, version in named.items():
            if version not in found.setdefault(package, []):
                found[package].append(version)
    return [
        {
            "package": peer.package,
            "compared": peer.compared,
            "version": ", ".join(found.get(peer.package, [])) or None,
            "reason": None if peer.package in found else "its version is not in the results",
        }
        for peer in PEERS
    ]


def _state(peer: Peer) -> dict[str, str | None]:
    version, reason = None, None
    try:
        importlib.import_module(peer.module)
        version = _version(peer.package) or getattr(sys.modules[peer.module], "__version__", "?")
    except ImportError as error:
        reason = f"cannot be imported: {error}; pip install {peer.package}"
    return {
        "package": peer.package,
        "compared": peer.compared,
        "version": version,
        "reason": reason,
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

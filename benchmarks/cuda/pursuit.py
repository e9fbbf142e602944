"""Sparse codes of many signals, against scikit-learn on the host and a batched pursuit by hand."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import orthola
from benchmarks.cuda import judge
from benchmarks.cuda.bouts import Bout, Prepare
from benchmarks.cuda.floors import Work
from benchmarks.cuda.libraries import ARRAYS, gaussian, library, to_torch

# Features, atoms, signals, atoms per signal.
_GRID = ((256, 1024, 5000, 32), (64, 256, 20_000, 8), (1024, 4096, 256, 64))
_NOISE = 0.01
_SLACK = 1e-3  # relative; a residual may exceed the peer's by no more, in the mean over signals


def cases(*, quick: bool) -> Iterator[tuple[str, Prepare]]:
    for library_name in ARRAYS:
        for size in _GRID[1:2] if quick else _GRID:
            m, n, count, k = size
            name = f"omp {m}x{n}, {count} signals, k={k}, float32, {library_name}"
            if library_name == "cupy":  # minutes on the host, whatever the arrays of ours
                yield f"{name}, scikit-learn", partial(_against_sklearn, size, library_name)
            yield f"{name}, by hand", partial(_against_batched, size, library_name)


def _against_sklearn(size: tuple[int, ...], library_name: str) -> Bout:
    signals, dictionary = _problem(*size)
    linear_model = library("sklearn.linear_model")
    gram, products = dictionary @ dictionary.T, dictionary @ signals.T
    norms = np.sum(signals.astype(np.float64) ** 2, axis=1)

    def peer() -> Any:
        return linear_model.orthogonal_mp_gram(
            gram.copy(), products.copy(), n_nonzero_coefs=size[-1], norms_squared=norms
        ).T

    return _bout(size, library_name, peer, "sklearn orthogonal_mp_gram on the CPU", goal=100.0)


def _against_batched(size: tuple[int, ...], library_name: str) -> Bout:
    signals, dictionary = (to_torch(x, "float32") for x in _problem(*size))

    def peer() -> Any:
        return _batched(signals, dictionary, size[-1])

    return _bout(size, library_name, peer, "torch, batched normal equations", goal=2.0)


def _bout(
    size: tuple[int, ...], library_name: str, peer: Any, label: str, goal: float | None
) -> Bout:
    m, n, count, k = size
    host = _problem(*size)
    signals, dictionary = (ARRAYS[library_name](x, "float32") for x in host)
    y, d = (to_torch(x, "float64") for x in host)
    least: list[float] = []

    def residual(codes: Any) -> float:
        x = library("torch").as_tensor(codes, device="cuda").double()
        return float((y - x @ d).norm(dim=1).mean())

    def judged(codes: Any) -> judge.Verdict:
        found = residual(codes)
        least.append(found)
        return {"ok": found <= (1 + _SLACK) * min(least), "mean_residual": found}

    return Bout(
        ours=lambda: orthola.omp(signals, dictionary, n_nonzero=k, check_finite=False),
        peer=peer,
        peer_label=label,
        work=Work(2.0 * count * (m * n + n * k * k / 2), 4.0 * (count * m + n * n), "float32"),
        judge_ours=lambda codes: judged(codes.dense(n)),
        judge_peer=judged,
        goal=goal,
    )


def _batched(signals: Any, dictionary: Any, k: int) -> Any:
    """All signals in step; least squares by a Cholesky factor of each support's Gram matrix."""
    torch = library("torch")
    residual, chosen = signals, []
    taken = torch.zeros(len(signals), len(dictionary), dtype=torch.bool, device=signals.device)
    for _ in range(k):
        score = (residual @ dictionary.T).abs().masked_fill(taken, -1.0)
        chosen.append(score.argmax(1))
        taken.scatter_(1, chosen[-1][:, None], True)
        atoms = dictionary[torch.stack(chosen, 1)]  # signals x step x features
        factor = torch.linalg.cholesky(atoms @ atoms.mT)
        right = atoms @ signals[..., None]
        x = torch.cholesky_solve(right, factor)
        residual = signals - (x.mT @ atoms)[:, 0]
    out = signals.new_zeros(taken.shape)
    return out.scatter_(1, torch.stack(chosen, 1), x[..., 0])


def _problem(m: int, n: int, count: int, k: int) -> tuple[Any, Any]:
    """Unit Gaussian atoms; signals of k of them and a little noise."""
    dictionary = gaussian((n, m))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    rng = np.random.default_rng(k)
    support = np.argsort(rng.random((count, n)), axis=1)[:, :k]
    weights = gaussian((count, k), seed=1)
    signals = np.einsum("bk,bkm->bm", weights, dictionary[support], optimize=True)
    noise = gaussian((count, m), seed=2)
    level = _NOISE * np.linalg.norm(signals, axis=1) / np.linalg.norm(noise, axis=1)
    return np.ascontiguousarray(signals + level[:, None] * noise, dtype=np.float32), dictionary

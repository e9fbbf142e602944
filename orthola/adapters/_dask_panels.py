"""Strips that are larger than the memory of a worker: panels, and a second pass over their bases.

With an orthonormal basis U_p for every panel M_p, and Q their block diagonal, the rest
E' = (I - Q Q^H) M is orthogonal to Q from the left, and Y = Q^H M is a matrix with few features, of
which the second pass makes a state. Hence M^H M = Y^H Y + E'^H E', squares of errors add up, and
what E' does to singular values is bounded as for a discarded part: derived here, checked
numerically. It needs *one* projection of all samples. A state of projected samples must not be
merged with states of others, whose singular values it could even raise; only the result is given.
"""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from typing import Any

import dask
import numpy as np
from dask import delayed
from dask.system import CPU_COUNT
from numpy.typing import NDArray

from .. import SVDConfig, SVDResult, SVDState, options, svd_result
from .._core.space import resolve
from .._lowrank.finish import with_signs
from ._dask_tree import Panel, Part, Run, along, leaf

__all__ = ["by_panels", "cuts_of"]

_COPIES = 4  # of a strip in a worker: its chunks, side by side, the working copy, factors
_SHARE = 1.0 / 3.0  # of the tolerance that panels may use: a ninth of the squares
_UNKNOWN = 2**33  # bytes, where nobody can be asked


def cuts_of(x: Any, config: SVDConfig, max_memory: int | None) -> list[slice]:
    """Panels as ranges of chunks along the fixed dimension, each as wide as memory allows."""
    widths, heights = x.chunks[1 - config.axis], x.chunks[config.axis]
    everything = [slice(0, len(widths))]
    if len(widths) == 1 or any(map(math.isnan, heights)):
        return everything
    if config.rank is None and config.tolerance is None:
        return everything  # nothing would be left out
    budget = _budget() if max_memory is None else max_memory
    allowed = budget // (_COPIES * x.dtype.itemsize * max(1, *heights))
    cuts, start = [], 0
    for stop in range(1, len(widths) + 1):
        if stop == len(widths) or sum(widths[start : stop + 1]) > allowed:
            cuts.append(slice(start, stop))
            start = stop
    return cuts


def by_panels(x: Any, config: SVDConfig, cuts: list[slice], run: Run) -> SVDResult:
    """Two passes over the data: one panel after the other, then all of them by their bases."""
    axis, count = config.axis, x.numblocks[config.axis]
    for cut in cuts[len(run.panels) :]:
        part = x.blocks[along(axis, slice(None), cut)]
        own = replace(
            config, features=part.shape[1 - axis], energy=None,
            tol=None if config.tolerance is None else _SHARE * config.tolerance,
        )  # fmt: skip

        def strips(start: int, stop: int, own: SVDConfig = own, part: Any = part) -> list[Any]:
            few = part.blocks[along(axis, slice(start, stop))].rechunk({1 - axis: -1})
            made = delayed(leaf, pure=True)
            return [made(own, i, s) for i, s in enumerate(few.to_delayed().ravel(), start)]

        run.panels.append(_panel(run.reduced(own, strips, count).state, own))
        run.save()
    together = _together(config, run.panels)
    # Scheduler and workers get the bases once, not with every graph.
    bases = dask.persist(*(delayed(panel, pure=True) for panel in run.panels))

    def leaves(start: int, stop: int) -> list[Any]:
        few = x.blocks[along(axis, slice(start, stop))]
        columns = [
            few.blocks[along(axis, slice(None), cut)].rechunk({1 - axis: -1}).to_delayed().ravel()
            for cut in cuts
        ]
        project, made = delayed(_projected, pure=True), delayed(_leaf, pure=True)
        return [
            made(together, i, *(project(config, b, s) for b, s in zip(bases, row, strict=True)))
            for i, row in enumerate(zip(*columns, strict=True), start)
        ]

    return _lifted(config, together, run.panels, run.reduced(together, leaves, count))


def _panel(state: SVDState, config: SVDConfig) -> Panel:
    space, _ = resolve("svd", state.sketch)
    found = svd_result(state, config, rank=None if config.tolerance else config.capacity)
    rank = int(found.rank)
    # Householder reflections: orthonormal to rounding, whatever the engine; one column at least.
    basis = np.linalg.qr(found.basis[:, : max(rank, 1)])[0]
    mean = np.ldexp(1.0, int(state.scale)) * state.mean
    mean = mean.conj() if config.axis == 0 else mean
    certain, upper = found.certificate, found.certificate.sigma_interval[:, 1]
    if config.layout(space) == "basis":
        # The sketch bounds what was discarded, not singular values of all that is beyond.
        lost = state.spectral
        if state.sketch.shape[1]:
            sketched = np.linalg.norm(state.sketch, 2) ** 2 * (1.0 + 1e-3)
            lost = min(lost, sketched + state.sketch_shrink)
        next_one = float(state.sigma[rank]) if rank < state.sigma.shape[0] else 0.0
        beyond = math.sqrt(next_one**2 + float(lost) * (1.0 + 1e-12) + float(state.square_loss))
        beyond = math.ldexp(beyond, int(state.scale)) + 2.0 * float(certain.allowance)
    else:
        beyond = float(upper[rank]) + float(certain.allowance) if rank < len(upper) else math.inf
    return Panel(basis, mean, beyond, float(certain.error[1]), float(found.norm))


def _together(config: SVDConfig, panels: list[Panel]) -> SVDConfig:
    """Options of the second pass, with what panels left of the tolerance."""
    features = sum(panel.basis.shape[1] for panel in panels)
    if config.tolerance is None:
        return replace(config, features=features)
    norm = math.hypot(*(panel.norm for panel in panels))
    spent = math.hypot(*(panel.error for panel in panels)) / norm if norm > 0 else 0.0
    left = math.sqrt(max(0.0, config.tolerance**2 - spent**2))
    return replace(config, features=features, tol=left, energy=None)


def _projected(config: SVDConfig, panel: Panel, block: Any) -> tuple[NDArray[Any], float]:
    """Coordinates of a strip of one panel, and the norm of what they leave over."""
    with options(threads=1):
        basis, rows = panel.basis, config.axis == 0
        a = block if rows else block.T
        if config.center:
            centred = np.empty(a.shape, basis.dtype)
            # In the precision of the mean; the sum is rounded.
            a = np.subtract(a, panel.mean, out=centred, casting="unsafe")
        a = a.astype(basis.dtype, copy=False)
        basis = basis if rows else basis.conj()
        y = a @ basis
        rest = y @ basis.conj().T
        np.subtract(a, rest, out=rest)
        return (y if rows else y.T), _norm(rest)


def _leaf(config: SVDConfig, i: int, *projected: tuple[NDArray[Any], float]) -> Part:
    y = np.concatenate([block for block, _ in projected], axis=1 - config.axis)
    return Part(leaf(config, i, y).state, np.array([rest for _, rest in projected]))


def _lifted(config: SVDConfig, together: SVDConfig, panels: list[Panel], root: Part) -> SVDResult:
    """The result for all features. What the bases left over counts as discarded."""
    state = root.state
    space, _ = resolve("svd", state.sketch)
    rest = np.ldexp(root.rest, -int(state.scale))
    beyond = np.ldexp([panel.beyond for panel in panels], -int(state.scale))
    lost = float(np.sum(rest**2))
    spectral = min(lost, float(np.sum(np.minimum(rest, beyond) ** 2)))
    energy, discarded = state.energy + lost, state.discarded + lost
    # Products with bases, there and back, and of the rest.
    tall = max(panel.basis.shape[0] for panel in panels)
    wide = max(panel.basis.shape[1] for panel in panels)
    step = 2.0 * (2.0 * math.sqrt(tall) + math.sqrt(wide)) * space.eps * math.sqrt(energy)
    mean = np.concatenate([panel.mean for panel in panels])
    if config.center:
        size = np.ldexp(np.linalg.norm(mean), -int(state.scale)) * math.sqrt(float(state.count))
        step += 4.0 * float(np.finfo(mean.dtype).eps) * size
    state = state._replace(
        energy=energy,
        discarded=discarded,
        spectral=np.minimum(state.spectral + spectral, discarded),
        sketch_shrink=state.sketch_shrink + spectral,
        sketch_trace=state.sketch_trace + lost,
        allowance=state.allowance + step,
    )
    asked = replace(together, tol=config.tol, energy=config.energy)
    found = svd_result(state, asked)
    ends = np.cumsum([panel.basis.shape[1] for panel in panels])
    basis = np.concatenate([
        panel.basis @ found.basis[end - panel.basis.shape[1] : end]
        for panel, end in zip(panels, ends, strict=True)
    ])  # fmt: skip
    return found._replace(
        basis=with_signs(space, basis.astype(space.dtype, copy=False)),
        mean=mean.astype(space.dtype),
    )


def _norm(x: NDArray[Any]) -> float:
    """Frobenius norm without overflow, summed in double precision; `x` is overwritten."""
    parts = x.view(x.real.dtype)
    largest = float(np.max(np.abs(parts), initial=0.0))
    if not 0.0 < largest < math.inf:
        return largest
    power = math.frexp(largest)[1]
    np.ldexp(parts, -power, out=parts)
    return math.ldexp(math.sqrt(np.einsum("ij,ij->", parts, parts, dtype=np.float64)), power)


def _budget() -> int:
    """A quarter of the memory that is there for one task at a time."""
    if "distributed" in sys.modules:
        try:
            client = sys.modules["distributed"].default_client()
        except ValueError:  # there is none
            pass
        else:
            workers = client.scheduler_info()["workers"].values()
            shares = [w["memory_limit"] / w["nthreads"] for w in workers if w["memory_limit"]]
            return int(min(shares, default=_UNKNOWN)) // 4
    tasks = int(dask.config.get("num_workers", None) or CPU_COUNT)
    names = getattr(os, "sysconf_names", {})
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in names:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE") // (4 * tasks)
    return _UNKNOWN

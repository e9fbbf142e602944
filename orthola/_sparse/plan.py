"""What one pursuit does: static facts and options only."""

from __future__ import annotations

import math
import os
import sys
from typing import Any, NamedTuple

from .._core import tuning
from .._core.dispatch import find_kernel
from .._core.space import Space

__all__ = ["FORMS", "RULES", "Facts", "Plan", "Question", "budget", "facts_of", "plan_pursuit"]

FORMS = ("stored-rows", "residual", "nonnegative")
RULES = ("omp", "normalized", "ols")
_SIZES = {"float32": 4, "float64": 8, "complex64": 8, "complex128": 16}


class Plan(NamedTuple):
    """Everything that is decided before a value is looked at; hashable, so it keys caches."""

    form: str  # one of FORMS
    rule: str  # one of RULES
    k_max: int  # atoms per signal at most: the static size of the result
    has_tol: bool  # some signal stops at a tolerance
    dependence: float  # tau: an atom enters if what is left of it, squared, is > tau ||a||^2
    floor: float  # correlations up to floor ||a|| ||y|| are rounding
    tile_signals: int  # signals at a time
    tile_atoms: int  # atoms at a time in the residual form
    host: bool  # NumPy arrays or CPU tensors: `orthola._sparse.host` runs it
    kernel: str | None
    reason: str

    @property
    def needs_gram(self) -> bool:
        """Whether the form reads the Gram matrix."""
        return self.form != "residual"

    @property
    def nonnegative(self) -> bool:
        """Whether coefficients are kept >= 0."""
        return self.form == "nonnegative"


class Facts(NamedTuple):
    """What a plan may depend on, besides the options."""

    backend: str
    in_main_memory: bool
    traced: bool
    dtype_name: str
    signals: int  # B
    atoms: int  # N
    features: int  # M
    gram_given: bool


class Question(NamedTuple):
    """What the table of kernels is asked."""

    in_main_memory: bool
    traced: bool
    form: str
    dtype_name: str


def facts_of(space: Space, signals: Any, dictionary: Any, *, gram_given: bool) -> Facts:
    """Static facts of signals (..., B, M) and a dictionary (N, M)."""
    *shape, features = signals.shape
    batch = 1
    if space.traced and space.name == "torch":  # it may be a symbol, and stays one
        batch = sys.maxsize
    else:
        for k in shape:
            batch *= k
    main = str(space.device) == "cpu"
    return Facts(
        space.name, main, space.traced, space.dtype_name, batch, dictionary.shape[0], features,
        gram_given,
    )  # fmt: skip


def budget(space: Space) -> int:
    """Default of `max_memory` in bytes: a quarter of the free memory, down to a power of two."""
    free = _free_on_gpu(space) if space.on_gpu else _free_on_host()
    return 1 << max(free // 4, 1).bit_length() - 1


def _free_on_host() -> int:
    names = getattr(os, "sysconf_names", {})
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in names:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN


def _free_on_gpu(space: Space) -> int:
    if space.name == "cupy":
        return int(sys.modules["cupy"].cuda.runtime.memGetInfo()[0])
    if space.name == "torch":
        return int(sys.modules["torch"].cuda.mem_get_info(space.device)[0])
    return _UNKNOWN


_UNKNOWN = 2**33  # where nobody can be asked


@tuning.planned(1024)
def plan_pursuit(
    facts: Facts,
    rule: str,
    nonnegative: bool,
    k_max: int,
    has_tol: bool,
    dependence_tol: float | None,
    max_memory: int,
    kernels: bool,
) -> Plan:
    """Choose the form, the tiles and the kernel; arguments were checked before."""
    limits = tuning.pursuit_limits()
    real = {"complex64": "float32", "complex128": "float64"}.get(facts.dtype_name, facts.dtype_name)
    eps = 2.0**-23 if real == "float32" else 2.0**-52
    usual = 16 * math.sqrt(facts.features) * eps
    dependence = usual if dependence_tol is None else float(dependence_tol)
    form, reason = _form(facts, nonnegative, k_max, dependence < usual, max_memory, limits)
    question = Question(facts.in_main_memory, facts.traced, form, facts.dtype_name)
    kernel = find_kernel("omp", facts.backend, question) if kernels else None
    tile_signals, tile_atoms = _tiles(facts, form, rule, k_max, max_memory, limits)
    host = kernel is not None and facts.backend in ("numpy", "torch")
    if kernel is not None and not host:  # of its signals only the correlations are kept
        tile_signals = max(max_memory // (4 * max(facts.atoms, 1) * _SIZES[facts.dtype_name]), 1)
    return Plan(
        form=form,
        rule=rule,
        k_max=k_max,
        has_tol=has_tol,
        dependence=dependence,
        floor=8 * math.sqrt(facts.features) * eps,
        tile_signals=tile_signals,
        tile_atoms=tile_atoms,
        host=host,
        kernel=None if kernel is None else kernel.target,
        reason=reason,
    )


def _form(
    facts: Facts, nonnegative: bool, k: int, fine: bool, max_memory: int, limits: Any
) -> tuple[str, str]:
    if nonnegative:
        return "nonnegative", "coefficients >= 0"
    if fine:
        return "residual", "dependence_tol is finer than a Gram matrix resolves"
    if facts.gram_given:
        return "stored-rows", "the Gram matrix is given"
    if 2 * facts.atoms**2 * _SIZES[facts.dtype_name] > max_memory:
        return "residual", "the Gram matrix would not fit in max_memory"
    factor = min(limits.gram_steps / max(k, 1), limits.gram_factor)
    if facts.signals <= factor * _break_even(facts, k):
        return "residual", "too few signals to repay a Gram matrix"
    return "stored-rows", "enough signals to repay the Gram matrix"


def _break_even(facts: Facts, k: int) -> float:
    """Signals that repay the M N^2/2 multiply-adds of the Gram matrix."""
    saved = k - 1 - k * k / (2 * max(facts.features, 1))
    return facts.atoms / (2 * saved) if saved > 0 else math.inf


def _tiles(
    facts: Facts, form: str, rule: str, k: int, max_memory: int, limits: Any
) -> tuple[int, int]:
    """Signals and atoms at a time; never derived from the number of threads."""
    m, n, size = facts.features, max(facts.atoms, 1), _SIZES[facts.dtype_name]
    if form != "residual":
        work = n * (m + k * k / 2 + k) + 1
        wanted = 1 << max(int(limits.chunk_work / work), 1).bit_length() - 1
        return min(max(wanted, limits.least_signals), limits.most_signals), n
    numbers = max_memory // size
    signals, atoms = limits.residual_signals, min(n, limits.residual_atoms)
    # size (tile_B (k M + tile_N) + tile_N M) <= max_memory; "ols" keeps a number for every atom
    own = k * m + (n if rule == "ols" else 0)
    while signals * (own + atoms) + atoms * m > numbers and (signals, atoms) != (1, 1):
        if signals * own > atoms * m and signals > 1:
            signals //= 2
        else:
            atoms = max(atoms // 2, 1) if atoms > 1 else 1
            signals = signals if atoms > 1 else max(signals // 2, 1)
    return signals, atoms

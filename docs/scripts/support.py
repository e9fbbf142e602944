"""The support table of the reference, and the short form of the README, from one record."""

from __future__ import annotations

from itertools import groupby

from docs.scripts.tables import table
from orthola.testing import CAPABILITIES, Capability
from orthola.testing.capabilities import HALVES

HEAD = """---
html_theme.sidebar_secondary.remove: true
---

# What works where

Written by `python -m docs.scripts.generate` from `orthola.testing.CAPABILITIES`; the test suite
calls every function on every library and dtype that is claimed here, and checks every derivative.
CuPy, and PyTorch and JAX on a GPU, are tested where there is one:
[benchmarks](../development/benchmarks.md).

- **Libraries**: NumPy, CuPy, PyTorch, JAX and any other that keeps to the array API standard
  (tested by array-api-strict). *NumPy* alone where it says so. *Host*: values are looked at in main
  memory, so a device has to send them there, and nothing can be traced.
- **Dtypes**: float64, float32, complex128, complex64 everywhere; *half*: float16 and bfloat16 too,
  computed in float32 and rounded once; *half in*: the result is float32.
- **Derivatives**: order, in PyTorch / JAX; *forward*: JAX in forward mode only. Derivatives are
  closed forms unless the docstring says that they go through the steps.
- **vmap**: `torch.func.vmap`, `jax.vmap` or both. **jit**: `jax.jit`. **compile**:
  `torch.compile(fullgraph=True)` takes it into one graph; the others run as they are, with a break
  of the graph.
- **Also as**: names in `orthola.adapters`.
"""
COLUMNS = ("function", "libraries", "dtypes", "derivatives", "vmap", "jit", "compile", "also as")
VMAP = {("torch", "jax"): "both", ("torch",): "PyTorch", ("jax",): "JAX", (): "-"}


def full() -> str:
    """The page of the reference."""
    parts = [HEAD]
    for area, group in groupby(CAPABILITIES.items(), key=lambda item: item[1].area):
        rows = [(f"{{obj}}`~orthola.{name}`", *_cells(claim)) for name, claim in group]
        parts.append(f"## {area}\n\n" + table(COLUMNS, rows))
    return "\n".join(parts)


def short() -> str:
    """One row for each area: what all, or how many, of its functions can do."""
    columns = (
        "area",
        "functions",
        "half",
        "derivatives (2nd order)",
        "vmap",
        "jax.jit",
        "torch.compile",
    )
    rows = []
    for area, group in groupby(CAPABILITIES.values(), key=lambda claim: claim.area):
        claims = list(group)
        rows.append(
            (
                area,
                str(len(claims)),
                _count(claims, [HALVES[0] in c.dtypes for c in claims]),
                _count(claims, [c.torch > 1 and c.jax > 1 for c in claims]),
                _count(claims, [len(c.vmap) == 2 for c in claims]),
                _count(claims, [c.jit for c in claims]),
                _count(claims, [c.compiles for c in claims]),
            )
        )
    return table(columns, rows)


def _cells(claim: Capability) -> tuple[str, ...]:
    half = HALVES[0] in claim.dtypes
    return (
        "NumPy" if len(claim.libraries) == 1 else "all, host" if claim.on_host else "all",
        ("all, half" if claim.half_kept else "all, half in") if half else "all",
        _derivatives(claim),
        VMAP[claim.vmap],
        "yes" if claim.jit else "-",
        "yes" if claim.compiles else "-",
        ", ".join(f"`{route}`" for route in claim.routes) or "-",
    )


def _derivatives(claim: Capability) -> str:
    if not (claim.torch or claim.jax_forward):
        return "-"
    return f"{claim.torch or '-'} / {claim.jax or 'forward'}"


def _count(claims: list[Capability], held: list[bool]) -> str:
    if all(held):
        return "all"
    return str(sum(held)) if any(held) else "-"

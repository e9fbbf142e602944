"""Who is timed on products of Householder reflectors, forward alone and with the gradient.

A case of shape (..., m, k) is a matrix whose QR factorisation, made once before the clock, gives
the reflectors and their factors as LAPACK stores them. ``householder apply p`` multiplies an
m x p matrix.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.accuracy import MEASURES, SUMMARY, Accuracy
from benchmarks.speed.protocol import Case, Job, contender, peer

COLUMNS = (32, 1024)  # of what Q is multiplied with
STEP = 1e-6  # of the central difference that judges gradients


def _factored(a: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """V with R above, each matrix by columns, and tau."""
    from scipy.linalg import get_lapack_funcs

    (geqrf,) = get_lapack_funcs(("geqrf",), (a,))
    items = a.reshape(-1, *a.shape[-2:])
    packed = np.empty(items.mT.shape, a.dtype).mT
    tau = np.empty((len(items), a.shape[-1]), a.dtype)
    for i, item in enumerate(items):
        packed[i], tau[i], _, info = geqrf(item)
        assert info == 0
    return (packed, tau) if a.ndim == 3 else (packed[0], tau[0])


def _drawn(shape: tuple[int, ...], dtype: Any, seed: int) -> NDArray[Any]:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def _columns(case: Case) -> int | None:
    words = case.problem.split()
    return int(words[2]) if words[1] == "apply" else None


def _exact(packed: NDArray[Any], tau: NDArray[Any], x: NDArray[Any] | None) -> NDArray[Any]:
    """Q or Q X by LAPACK in double precision."""
    from scipy.linalg import lapack

    if packed.ndim == 3:
        return np.stack([_exact(p, t, x) for p, t in zip(packed, tau, strict=True)])
    if x is None:
        out, _, info = lapack.dorgqr(packed, tau)
    else:
        out, _, info = lapack.dormqr("L", "N", packed, tau, x, 64 * x.shape[1])
    assert info == 0
    return out  # type: ignore[no-any-return]


def reflector_accuracy(
    a: NDArray[Any],
    answer: NDArray[Any],
    vbar: NDArray[Any] | None = None,
    taubar: NDArray[Any] | None = None,
    *,
    columns: int | None,
) -> Accuracy:
    """Errors of Q or Q X, and of the gradient of <answer, weights> in one direction."""
    packed, tau = (x.astype(np.float64) for x in _factored(a))
    x = None if columns is None else _drawn((a.shape[-2], columns), a.dtype, 1).astype(np.float64)
    exact = _exact(packed, tau, x)
    found = {"error": float(np.linalg.norm(answer - exact) / np.linalg.norm(exact))}
    if vbar is not None and taubar is not None:
        weights = _drawn(answer.shape, a.dtype, 2).astype(np.float64)
        dv, dtau = _drawn(a.shape, np.float64, 3), _drawn(tau.shape, np.float64, 4)
        dv = np.tril(dv, -1)
        ahead, behind = (
            np.vdot(weights, _exact(packed + s * dv, tau + s * dtau, x)) for s in (STEP, -STEP)
        )
        slope = float(np.vdot(dv, np.tril(vbar, -1)) + np.vdot(dtau, taubar))
        scale = np.sqrt(np.linalg.norm(vbar) ** 2 + np.linalg.norm(taubar) ** 2)
        found["slope"] = float(abs(slope - (ahead - behind) / (2 * STEP)) / scale)
    return found


for _problem in ("product", *(f"apply {p}" for p in COLUMNS)):
    for _gradient in ("", " + gradient"):
        _name = f"householder {_problem}{_gradient}"
        _p = None if _problem == "product" else int(_problem.split()[1])
        MEASURES[_name] = partial(reflector_accuracy, columns=_p)
        SUMMARY[_name] = "{error:.1e}" + (" / {slope:.1e}" if _gradient else "")


def _in_torch(case: Case, product: Callable[..., Any], apply: Callable[..., Any]) -> Job:
    torch = peer("torch")
    packed, tau = (torch.from_numpy(x) for x in _factored(case.array()))
    columns = _columns(case)
    x = None if columns is None else torch.from_numpy(_drawn((packed.shape[-2], columns),
                                                             case.dtype, 1))  # fmt: skip
    if "gradient" not in case.problem:

        def forward() -> Any:
            return product(packed, tau) if x is None else apply(packed, tau, x)

        return Job(forward, lambda answer: (answer.numpy(),))
    packed.requires_grad_()
    tau.requires_grad_()
    shape = packed.shape if x is None else x.shape
    weights = torch.from_numpy(_drawn(tuple(shape), case.dtype, 2))

    def call() -> tuple[Any, ...]:
        out = product(packed, tau) if x is None else apply(packed, tau, x)
        return out, *torch.autograd.grad(out, (packed, tau), weights)

    return Job(call, lambda answer: tuple(part.detach().numpy() for part in answer))


@contender("householder functions, PyTorch tensors")
def orthola_torch(case: Case) -> Job:
    import orthola

    return _in_torch(
        case,
        lambda v, tau: orthola.householder_product(v, tau, packed=True),
        lambda v, tau, x: orthola.householder_apply(v, tau, x, packed=True),
    )


@contender("torch.linalg.householder_product, torch.ormqr")
def torch_functions(case: Case) -> Job:
    torch = peer("torch")
    return _in_torch(case, torch.linalg.householder_product, torch.ormqr)


def _in_numpy(case: Case, product: Callable[..., Any], apply: Callable[..., Any]) -> Job:
    packed, tau = _factored(case.array())
    columns = _columns(case)
    if columns is None:
        return Job(lambda: product(packed, tau), lambda answer: (answer,))
    x = _drawn((packed.shape[0], columns), case.dtype, 1)
    return Job(lambda: apply(packed, tau, x), lambda answer: (answer,))


@contender("householder functions, NumPy arrays")
def orthola_numpy(case: Case) -> Job:
    import orthola

    return _in_numpy(
        case,
        lambda v, tau: orthola.householder_product(v, tau, packed=True),
        lambda v, tau, x: orthola.householder_apply(v, tau, x, packed=True),
    )


@contender("LAPACK orgqr, ormqr of SciPy")
def lapack_functions(case: Case) -> Job:
    from scipy.linalg import get_lapack_funcs

    packed, tau = _factored(case.array())
    orgqr, ormqr = get_lapack_funcs(("orgqr", "ormqr"), (packed,))
    columns = _columns(case)
    if columns is None:
        size = int(orgqr(packed, tau, lwork=-1)[1][0])
        return _in_numpy(case, lambda v, tau: orgqr(v, tau, lwork=size)[0], ormqr)
    x = _drawn((packed.shape[0], columns), case.dtype, 1)
    size = int(ormqr("L", "N", packed, tau, x, -1)[1][0])
    return _in_numpy(case, orgqr, lambda v, tau, x: ormqr("L", "N", v, tau, x, size)[0])

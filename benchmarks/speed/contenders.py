"""Who is timed on the polar factors and on approximate orthogonalization.

Every polar contender computes both factors. Conversions into a library's own array type are
made once, before the clock; lazy results are waited for inside it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.protocol import Case, Job, Unavailable, contender, peer

# A Python loop over a long stack is sampled on its first items and scaled up.
LOOP_ITEMS = 100

# Five equal quintic steps with these coefficients are the published Muon iteration
# (Jordan et al., 2024), and the default of both PyTorch's and Optax's optimiser.
MUON_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
MUON_STEPS = 5


def _to_numpy(answer: Any) -> tuple[NDArray[Any], ...]:
    return tuple(np.asarray(part) for part in answer)


def _factors_of_svd(answer: Any) -> tuple[NDArray[Any], ...]:
    u, s, vh = _to_numpy(answer)
    return u @ vh, (vh.mT * s[..., None, :]) @ vh


# --- orthola ---------------------------------------------------------------------------------


@contender("polar, NumPy arrays")
def orthola_polar(case: Case) -> Job:
    import orthola

    a = case.array()
    return Job(lambda: orthola.polar(a), lambda answer: _to_numpy(answer[:2]))


@contender("polar, JAX jitted")
def orthola_polar_jax(case: Case) -> Job:
    import orthola

    jax = peer("jax")
    jax.config.update("jax_enable_x64", True)
    a = jax.numpy.asarray(case.array())
    polar = jax.jit(orthola.polar)
    return Job(
        lambda: jax.block_until_ready(polar(a)),
        lambda answer: _to_numpy(answer[:2]),
    )


@contender("polar, PyTorch tensors")
def orthola_polar_torch(case: Case) -> Job:
    import orthola

    a = peer("torch").from_numpy(case.array())
    return Job(lambda: orthola.polar(a), lambda answer: _to_numpy(answer[:2]))


@contender("orthogonalize, NumPy arrays")
def orthola_orthogonalize(case: Case) -> Job:
    import orthola

    a = case.array()
    return Job(lambda: orthola.orthogonalize(a), lambda answer: (np.asarray(answer),))


# --- NumPy and SciPy -------------------------------------------------------------------------


@contender("scipy.linalg.polar")
def scipy_polar(case: Case) -> Job:
    from scipy.linalg import polar

    a = case.array()
    return Job(lambda: polar(a), _to_numpy)


@contender(f"scipy.linalg.polar loop ({LOOP_ITEMS} items, scaled)")
def scipy_polar_loop(case: Case) -> Job:
    from scipy.linalg import polar

    some = case.array()[:LOOP_ITEMS]

    def call() -> list[Any]:
        return [polar(item) for item in some]

    def factors(answer: list[Any]) -> tuple[NDArray[Any], ...]:
        return np.stack([u for u, _ in answer]), np.stack([h for _, h in answer])

    return Job(call, factors, items=len(some))


@contender("NumPy SVD route")
def numpy_svd_route(case: Case) -> Job:
    a = case.array()

    def call() -> tuple[NDArray[Any], ...]:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return u @ vh, (vh.mT * s[..., None, :]) @ vh

    return Job(call, _to_numpy)


@contender("numpy.linalg.svd alone")
def numpy_svd(case: Case) -> Job:
    a = case.array()
    return Job(lambda: np.linalg.svd(a, full_matrices=False), _factors_of_svd)


# --- JAX and Optax ---------------------------------------------------------------------------


@contender("jax.scipy.linalg.polar")
def jax_polar(case: Case) -> Job:
    jax = peer("jax")
    jax.config.update("jax_enable_x64", True)
    polar = jax.jit(peer("jax.scipy.linalg").polar)
    a = jax.numpy.asarray(case.array())
    return Job(lambda: jax.block_until_ready(polar(a)), _to_numpy)


@contender("optax Muon step")
def optax_muon(case: Case) -> Job:
    jax = peer("jax")
    newton_schulz = peer("optax.contrib._muon").orthogonalize_via_newton_schulz
    coefficients = jax.numpy.asarray(MUON_COEFFICIENTS, dtype=case.dtype)
    step = jax.jit(lambda x: newton_schulz(x, coefficients, MUON_STEPS))
    a = jax.numpy.asarray(case.array())
    return Job(
        lambda: jax.block_until_ready(step(a)),
        lambda answer: (np.asarray(answer),),
    )


# --- PyTorch ---------------------------------------------------------------------------------


@contender("torch SVD route")
def torch_svd_route(case: Case) -> Job:
    torch = peer("torch")
    a = torch.from_numpy(case.array())

    def call() -> tuple[Any, ...]:
        u, s, vh = torch.linalg.svd(a, full_matrices=False)
        return u @ vh, (vh.mT * s[..., None, :]) @ vh

    return Job(call, _to_numpy)


@contender("torch.linalg.polar")
def torch_polar(case: Case) -> Job:
    torch = peer("torch")
    if not hasattr(torch.linalg, "polar"):
        raise Unavailable(f"PyTorch {torch.__version__} has no torch.linalg.polar")
    a = torch.from_numpy(case.array())
    return Job(lambda: torch.linalg.polar(a), lambda answer: _to_numpy(answer[:2]))


@contender("torch Muon step, float32")
def torch_muon_float32(case: Case) -> Job:
    """The optimiser's iteration in float32; the installed function casts to bfloat16."""
    torch = peer("torch")
    given = torch.from_numpy(case.array())
    a, b, c = MUON_COEFFICIENTS

    def call() -> Any:
        tall = given.shape[0] > given.shape[1]
        x = given.T if tall else given
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(MUON_STEPS):
            gram = x @ x.T
            x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        return x.T if tall else x

    return Job(call, lambda answer: (answer.numpy(),))


@contender("torch Muon step, bfloat16")
def torch_muon_installed(case: Case) -> Job:
    newton_schulz = getattr(peer("torch.optim._muon"), "_zeropower_via_newtonschulz", None)
    if newton_schulz is None:
        raise Unavailable("this PyTorch keeps its Newton-Schulz iteration elsewhere")
    a = peer("torch").from_numpy(case.array())
    return Job(
        lambda: newton_schulz(a, MUON_COEFFICIENTS, MUON_STEPS, 1e-7),
        lambda answer: (answer.float().numpy(),),
    )

"""Each status comes from a real call, and `check` turns it into an error that carries advice."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import numpy as np
import pytest
from array_api_compat import array_namespace, device

import orthola
from orthola import (
    Status,
    StatusError,
    SVDConfig,
    check,
    householder_vectors,
    omp,
    polar,
    svd_downdate,
    svd_init,
    svd_result,
    svd_update,
)
from orthola._core.errors import ADVICE, SEVERITY
from orthola.testing import from_spectrum, spectrum
from tests.isolation import to_numpy

STIFF = from_spectrum(4, 4, spectrum("geometric", 4, condition=1e6), rng=0)


def ok(backend: Any) -> Any:
    return backend.call(polar, backend.asarray(np.eye(3)))


def rank_deficient(backend: Any) -> Any:
    return backend.call(polar, backend.asarray(np.diag([1.0, 1.0, 0.0])))


def not_converged(backend: Any) -> Any:
    x = backend.asarray(STIFF)
    return backend.call(polar, x, method="halley", max_steps=1, fallback=False)


def nonfinite(backend: Any) -> Any:
    x = backend.asarray(np.array([[1.0, np.nan], [0.0, 1.0]]))
    return backend.call(polar, x, check_finite=False)


def bound_violated(backend: Any) -> Any:
    return backend.call(householder_vectors, backend.asarray(2 * np.eye(3)))


def coded(backend: Any, signal: list[float], atoms: Any, **options: Any) -> Any:
    y, d = (backend.asarray(np.asarray(x, float)) for x in ([signal], atoms))
    return backend.call(omp, y, d, **options)


def tolerance_not_met(backend: Any) -> Any:
    return coded(backend, [2.0, 1.0], np.eye(2), n_nonzero=1, tol=1e-6)


def exhausted(backend: Any) -> Any:
    return coded(backend, [2.0, 0.0], np.eye(2), n_nonzero=2)


def ambiguous(backend: Any) -> Any:
    if "float64" not in backend.dtypes:
        pytest.skip("a search in single precision for double data needs double precision")
    twins = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    return coded(backend, [2.0, 1.0], twins, n_nonzero=1, search_dtype="float32")


def streamed(x: Any, config: SVDConfig, gone: int = 0, error: float | None = 0.0) -> Any:
    """All rows in one block; the first `gone` of them taken out again."""
    state = svd_init(config, xp=array_namespace(x), dtype=x.dtype, device=device(x))
    state = svd_update(state, x, config, error=error)
    return svd_result(svd_downdate(state, x[:gone, ...], config), config)


def of_stream(backend: Any, config: SVDConfig, **options: Any) -> Any:
    x = backend.asarray(np.random.default_rng(0).standard_normal((6, 4)))
    return backend.call(streamed, x, config=config, **options)


def rank_capped(backend: Any) -> Any:
    return of_stream(backend, SVDConfig(features=4, tol=1e-3, max_rank=1))


def ill_conditioned(backend: Any) -> Any:
    return of_stream(backend, SVDConfig(features=4, rank=2), gone=6)


def not_exact(backend: Any) -> Any:
    return of_stream(backend, SVDConfig(features=4, rank=2), gone=1)


def uncertified(backend: Any) -> Any:
    return of_stream(backend, SVDConfig(features=4, rank=2), error=None)


PRODUCERS = {
    Status.OK: ok,
    Status.RANK_DEFICIENT: rank_deficient,
    Status.NOT_CONVERGED: not_converged,
    Status.NONFINITE: nonfinite,
    Status.BOUND_VIOLATED: bound_violated,
    Status.TOLERANCE_NOT_MET: tolerance_not_met,
    Status.EXHAUSTED: exhausted,
    Status.AMBIGUOUS: ambiguous,
    Status.RANK_CAPPED: rank_capped,
    Status.ILL_CONDITIONED: ill_conditioned,
    Status.NOT_EXACT: not_exact,
    Status.UNCERTIFIED: uncertified,
}
OF_PURSUITS = (Status.TOLERANCE_NOT_MET, Status.EXHAUSTED, Status.AMBIGUOUS)
OF_STREAMS = (Status.RANK_CAPPED, Status.ILL_CONDITIONED, Status.NOT_EXACT, Status.UNCERTIFIED)
NAMES = {
    **dict.fromkeys(Status, "polar"),
    Status.BOUND_VIOLATED: "householder_vectors",
    **dict.fromkeys(OF_PURSUITS, "omp"),
    **dict.fromkeys(OF_STREAMS, "svd"),
}
BAD = tuple(status for status in Status if status != Status.OK)


def test_every_status_has_a_producer_and_every_bad_one_advice():
    assert set(PRODUCERS) == set(Status)
    assert set(ADVICE) == set(BAD)
    assert sorted(SEVERITY) == list(Status)
    assert [int(status) for status in Status] == list(range(len(Status)))


@pytest.mark.parametrize("status", Status)
def test_a_real_call_produces_the_status(backend, status):
    result = PRODUCERS[status](backend)
    assert result.status.shape == ((1,) if status in OF_PURSUITS else ())
    assert to_numpy(result.status).item() == status


def test_check_hands_back_a_good_result(backend):
    result = ok(backend)
    assert check(result) is result


@pytest.mark.parametrize("status", BAD)
def test_check_raises_with_the_advice_of_the_status(backend, status):
    with pytest.raises(StatusError) as caught:
        check(PRODUCERS[status](backend))
    assert str(caught.value) == f"{NAMES[status]}: {status.name}: {ADVICE[status]}"
    assert caught.value.status is status
    assert caught.value.count == 1


@pytest.mark.parametrize("status", BAD)
def test_advice_says_what_usual_reasons_and_what_to_do(status):
    advice = ADVICE[status]
    assert "sual reasons:" in advice
    assert len(advice) > 150
    assert advice.endswith(".")


@pytest.mark.parametrize("status", BAD)
def test_allowed_statuses_pass_and_only_those(backend, status):
    result = PRODUCERS[status](backend)
    assert check(result, allow=(status,)) is result
    others = tuple(other for other in BAD if other != status)
    with pytest.raises(StatusError, match=status.name):
        check(result, allow=others)


def mixed() -> np.ndarray:
    x = np.broadcast_to(np.eye(3), (2, 3, 3, 3)).copy()
    x[0, 1] = np.diag([1.0, 1.0, 0.0])
    x[1, 2] = np.nan
    return x


def test_a_stack_reports_its_worst_item_and_how_many(backend):
    result = backend.call(polar, backend.asarray(mixed()), check_finite=False)
    assert result.status.shape == (2, 3)
    expected = np.zeros((2, 3), int)
    expected[0, 1], expected[1, 2] = Status.RANK_DEFICIENT, Status.NONFINITE
    np.testing.assert_array_equal(to_numpy(result.status), expected)
    with pytest.raises(StatusError, match="NONFINITE in 2 of 6 items") as caught:
        check(result)
    assert (caught.value.status, caught.value.count) == (Status.NONFINITE, 2)
    with pytest.raises(StatusError, match="RANK_DEFICIENT in 1 of 6 items"):
        check(result, allow=(Status.NONFINITE,))
    assert check(result, allow=(Status.NONFINITE, Status.RANK_DEFICIENT)) is result


def test_long_and_empty_stacks(backend):
    x = np.broadcast_to(np.eye(2), (100, 2, 2)).copy()
    assert check(backend.call(polar, backend.asarray(x))).status.shape == (100,)
    x[70] = 0.0
    with pytest.raises(StatusError, match="RANK_DEFICIENT in 1 of 100 items"):
        check(backend.call(polar, backend.asarray(x)))
    empty = backend.call(polar, backend.asarray(np.zeros((0, 2, 2))))
    assert check(empty) is empty


def test_the_status_is_an_integer_array_of_the_batch_shape_whatever_the_method(backend):
    x = backend.asarray(np.broadcast_to(np.eye(3), (40, 3, 3)))
    for method in ("auto", "halley"):
        status = backend.call(polar, x, method=method).status
        assert status.shape == (40,)
        assert status.dtype == backend.xp.int32


def test_advice_for_rank_deficiency_keeps_its_promises():
    result = polar(np.diag([2.0, 1.0, 0.0]))
    np.testing.assert_allclose(result.unitary @ result.unitary.T, np.eye(3), atol=1e-15)
    np.testing.assert_allclose(result.unitary @ result.hermitian, np.diag([2.0, 1, 0]), atol=1e-15)
    canonical = polar(np.diag([2.0, 1.0, 0.0]), completion="none").unitary
    np.testing.assert_allclose(canonical, np.diag([1.0, 1, 0]), atol=1e-15)


@pytest.mark.parametrize("cure", [{"max_steps": None}, {"fallback": True}, {"method": "svd"}])
def test_advice_for_lack_of_convergence_helps(cure):
    options = {"method": "halley", "max_steps": 1, "fallback": False} | cure
    if options["method"] == "svd":
        del options["max_steps"]
    check(polar(STIFF, **options))


class WithoutStatus(NamedTuple):
    value: float


@pytest.mark.parametrize("thing", [np.eye(2), 3, None, WithoutStatus(1.0)])
def test_check_of_something_without_a_status(thing):
    with pytest.raises(TypeError, match="status field") as caught:
        check(thing)
    assert type(thing).__name__ in str(caught.value)


def test_check_inside_a_traced_function_says_where_it_belongs():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    with pytest.raises(TypeError, match="return the result from the traced function"):
        jax.jit(lambda x: check(polar(x)).unitary)(jax.numpy.eye(2))
    check(jax.jit(polar)(jax.numpy.eye(2)))


def test_check_names_the_function_of_the_result():
    class OMPResult(NamedTuple):
        status: np.ndarray

    with pytest.raises(StatusError, match=r"^omp: NOT_CONVERGED: "):
        check(OMPResult(np.asarray(2)))


def test_the_error_is_an_arithmetic_error_and_public():
    assert issubclass(orthola.StatusError, ArithmeticError)
    assert orthola.StatusError is StatusError
    assert orthola.Status is Status


def test_error_survives_the_way_from_another_process():
    with pytest.raises(StatusError) as caught:
        check(polar(np.zeros((2, 2))))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.status, copy.count) == (str(caught.value), Status.RANK_DEFICIENT, 1)

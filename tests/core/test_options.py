"""Options hold for a block, in one thread or task, and end with it."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from orthola import explain, options, polar
from orthola._core.options import Options, current

DEFAULT = Options()
STACK = np.broadcast_to(np.eye(3), (100, 3, 3))


def test_defaults():
    assert current() == DEFAULT
    assert DEFAULT.threads is None
    assert DEFAULT.kernels is True


def test_a_block_sets_options_and_takes_them_back():
    with options(threads=2, kernels=False) as inside:
        assert inside == current() == Options(threads=2, kernels=False)
    assert current() == DEFAULT


def test_blocks_nest_and_inner_ones_keep_what_they_do_not_name():
    with options(threads=2):
        with options(kernels=False):
            assert current() == Options(threads=2, kernels=False)
            with options(threads=None):
                assert current() == Options(threads=None, kernels=False)
            assert current() == Options(threads=2, kernels=False)
        assert current() == Options(threads=2)
    assert current() == DEFAULT


def test_options_end_when_the_block_raises():
    with pytest.raises(KeyError), options(threads=3):
        raise KeyError
    assert current() == DEFAULT


def test_nothing_named_changes_nothing():
    with options(threads=2), options() as inside:
        assert inside == Options(threads=2)


def test_options_reach_the_plan():
    with options(kernels=False):
        assert explain(polar, STACK)["kernel"].startswith("none")
        without = polar(STACK + 0.1)
    assert not explain(polar, STACK)["kernel"].startswith("none")
    np.testing.assert_allclose(polar(STACK + 0.1).unitary, without.unitary, atol=1e-14)


def test_threads_do_not_see_each_other():
    seen, inside, done = {}, threading.Event(), threading.Event()

    def other():
        seen["before"] = current()
        with options(threads=5):
            inside.set()
            assert done.wait(10)
            seen["within"] = current()

    with options(threads=2):
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
        seen["here"] = current()
        done.set()
        thread.join()
    assert seen["before"] == DEFAULT
    assert seen["within"] == Options(threads=5)
    assert seen["here"] == Options(threads=2)


def test_tasks_do_not_see_each_other():
    async def one(threads):
        with options(threads=threads):
            await asyncio.sleep(0)
            return current().threads

    async def all_of_them():
        return await asyncio.gather(*(one(k) for k in range(1, 6)))

    assert asyncio.run(all_of_them()) == [1, 2, 3, 4, 5]
    assert current() == DEFAULT


@pytest.mark.parametrize("threads", [0, -1, True])
def test_a_number_of_threads_below_one_is_refused(threads):
    with pytest.raises(ValueError, match="expected threads >= 1"), options(threads=threads):
        pytest.fail("the block ran")
    assert current() == DEFAULT


@pytest.mark.parametrize("threads", [1.5, "2", np.ones(2)])
def test_threads_must_be_an_integer(threads):
    expected = "expected threads to be an integer"
    with pytest.raises(TypeError, match=expected), options(threads=threads):
        pytest.fail("the block ran")


@pytest.mark.parametrize("kernels", ["no", 0, 1, None])
def test_kernels_must_be_true_or_false(kernels):
    expected = "expected kernels to be True or False"
    with pytest.raises(TypeError, match=expected), options(kernels=kernels):
        pytest.fail("the block ran")
    assert current() == DEFAULT


def test_integers_of_numpy_count():
    with options(threads=np.int64(3)) as inside:
        assert inside.threads == 3
        assert type(inside.threads) is int


def test_unknown_options_are_refused():
    with pytest.raises(TypeError, match="blas_threads"):
        options(blas_threads=1)
    with pytest.raises(TypeError):
        options(2)


def test_settings_cannot_be_changed_in_place():
    with options(threads=2) as inside, pytest.raises(AttributeError):
        inside.threads = 3

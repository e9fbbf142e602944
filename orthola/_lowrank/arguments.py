"""Arguments of the pure functions: one library, one dtype, shapes that fit the stream."""

from __future__ import annotations

from typing import Any

from .._core import checks
from .._core.shared_memory import as_numpy, as_tensor, ordinary
from .._core.space import Space, resolve
from .state import SVDConfig, SVDState

__all__ = [
    "as_arrays",
    "as_tensors",
    "checked_weights",
    "in_host_memory",
    "raise_unless_made_with",
    "raise_unless_usable",
    "same_space",
]


def same_space(function: str, state: SVDState, *arrays: Any) -> tuple[Space, tuple[Any, ...]]:
    """The space of the state, and arrays in it."""
    space, _ = resolve(function, state.sketch)
    if not arrays:
        return space, ()
    given, arrays = resolve(function, *arrays)
    if (given.name, given.device) != (space.name, space.device) and not (
        given.traced or space.traced
    ):
        raise ValueError(
            f"{function}: expected arrays of {space.name} on {space.device}, as the state, got "
            f"{given.name} on {given.device}; convert them, or give svd_init that xp and device"
        )
    xp = space.xp
    if given.dtype != space.dtype and not given.is_half:
        both = xp.result_type(given.dtype, space.dtype)
        if both != space.dtype:
            raise ValueError(
                f"{function}: expected {space.dtype_name}, as the state, got {given.dtype_name}; "
                "convert it, or give svd_init that dtype"
            )
    if given.traced or space.traced:
        space = Space(xp, space.name, space.device, space.dtype, space.dtype_name, True)
    return space, tuple(xp.astype(x, space.dtype, copy=False) for x in arrays)


def checked_weights(function: str, config: SVDConfig, block: Any, weights: Any) -> Any:
    """The weights, if they and the block have the shapes that they should have."""
    d, axis = config.features, config.axis
    if block.ndim != 2 or block.shape[1 - axis] != d:
        shape = f"(b, {d})" if axis == 0 else f"({d}, b)"
        raise ValueError(
            f"{function}: expected a block of shape {shape} for axis={axis}, got "
            f"{checks.describe(block)}"
        )
    if weights is None:
        return None
    _, (weights,) = resolve(function, weights)
    if tuple(weights.shape) != (block.shape[axis],):
        raise ValueError(
            f"{function}: expected weights of shape ({block.shape[axis]},), one for each sample, "
            f"got {checks.describe(weights)}"
        )
    return weights


def raise_unless_made_with(function: str, config: SVDConfig, state: SVDState) -> None:
    """As far as shapes tell."""
    d = int(state.mean.shape[0])
    if d != config.features:
        raise ValueError(
            f"{function}: expected the config that the state was made with, for {d} features, got "
            f"one for {config.features}"
        )


def raise_unless_usable(space: Space, old: SVDState, new: SVDState, weights: Any) -> None:
    if not bool(space.xp.isfinite(new.energy)) and bool(space.xp.isfinite(old.energy)):
        raise ValueError(
            "svd_update: expected finite values, got NaN or infinity in the block or its weights; "
            "mend or mask them, or use check_finite=False to have the status tell"
        )
    if weights is not None and bool(space.xp.any(weights < 0)):
        raise ValueError("svd_update: expected weights >= 0, got a negative one")


def in_host_memory(space: Space, *tensors: Any) -> bool:
    return space.name == "torch" and str(space.device) == "cpu" and ordinary(*tensors)


def as_arrays(state: SVDState) -> SVDState:
    return SVDState(*(as_numpy(x) for x in state))


def as_tensors(state: SVDState) -> SVDState:
    return SVDState(*(as_tensor(x) for x in state))

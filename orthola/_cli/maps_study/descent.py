"""Gradient descent with Armijo's rule, the same for every chart."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .charts import Chart
from .tasks import Task

__all__ = ["FOUND", "STATIONARY", "STEP_LIMIT", "Descent", "descend"]

Array = np.ndarray[Any, Any]

FOUND, STATIONARY, STEP_LIMIT = "found", "stationary", "step limit"

_SUFFICIENT = 1e-4  # of the decrease that the gradient promises


@dataclass(frozen=True)
class Descent:
    """One run: lists have an entry for the start and one for every step."""

    losses: list[float]
    seconds: list[float]  # since the start
    evaluations: int  # of the map and the loss
    ending: str
    iterates: list[Array] = field(repr=False)

    @property
    def steps(self) -> int:
        """Accepted steps."""
        return len(self.losses) - 1


def descend(chart: Chart, task: Task, most: int) -> Descent:
    """At most so many steps, or until the loss is rounding or no step decreases it any more.

    The length of the first step is f/||g||^2, that of a line that reaches zero. It is halved until
    it decreases the loss enough, and doubled after every step.
    """
    seconds, evaluations, ending = [0.0], 1, STEP_LIMIT
    x = chart.start
    q = chart.value(x)
    loss, qbar = task.loss(q)
    losses, iterates, length = [loss], [q], None
    # Compilation and imports are no part of a step.
    chart.value(chart.moved(x, 0.0 * chart.gradient(x, q, qbar)))
    for _ in range(most):
        if loss <= task.rounding:
            ending = FOUND
            break
        begin = time.perf_counter()
        gradient = chart.gradient(x, q, qbar)
        slope = float(np.vdot(gradient, gradient))
        if length is None:
            length = loss / slope if slope else 0.0
        # Below that, a decrease is no more than rounding of the loss.
        least = np.finfo(q.dtype).eps * loss
        while length * slope > least:
            new_x = chart.moved(x, -length * gradient)
            new_q = chart.value(new_x)
            new_loss, new_qbar = task.loss(new_q)
            evaluations += 1
            if new_loss <= loss - _SUFFICIENT * length * slope:
                break
            length /= 2.0
        else:
            ending = STATIONARY
            break
        x, q, loss, qbar = new_x, new_q, new_loss, new_qbar
        length *= 2.0
        seconds.append(seconds[-1] + time.perf_counter() - begin)
        losses.append(loss)
        iterates.append(q)
    return Descent(losses, seconds, evaluations, ending, iterates)

"""What a scheduler heard of its controllers and of the metric, kept until somebody has read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from ...course.course import Course
from ...course.said import Said
from .ranks import averaged

_MOST = 1000  # a controller that acts at every update fills no memory


class Heard:
    """The last decisions, the last metrics with the updates made by then, and how many of each there were."""

    def __init__(self) -> None:
        self.said: deque[Said] = deque(maxlen=_MOST)
        self.metrics: deque[tuple[int, float]] = deque(maxlen=_MOST)
        self.decided = self.measured = 0

    def made(self, course: Course, values: Mapping[str, float] | None) -> Course:
        """The course after an update of which its controllers saw this."""
        self._metric(values, course.done + 1)
        return self.of(course, course.made(values))

    def shown(self, course: Course, given: Mapping[str, Any], process_group: Any) -> Course:
        """The course once its controllers saw this before an update, the same on every rank."""
        if not (given and course.needs):
            return course
        values = averaged(dict(given), process_group)
        self._metric(values, course.done)
        return self.of(course, course.shown(values))

    def of(self, before: Course, after: Course) -> Course:
        """The course after it was shown something, of which the decisions are kept."""
        if after.said is not before.said:
            self.said += after.said
            self.decided += len(after.said)
        return after

    def _metric(self, values: Mapping[str, float] | None, done: int) -> None:
        if values and "metric" in values:
            self.metrics.append((done, values["metric"]))
            self.measured += 1

    def decisions_since(self, count: int) -> list[Said]:
        """Those after the first `count`, as far as they are still there."""
        new = min(self.decided - count, len(self.said))
        return [self.said[i] for i in range(len(self.said) - new, len(self.said))]

    def metrics_since(self, count: int) -> list[tuple[int, float]]:
        """Those after the first `count`, as far as they are still there."""
        new = min(self.measured - count, len(self.metrics))
        return [self.metrics[i] for i in range(len(self.metrics) - new, len(self.metrics))]

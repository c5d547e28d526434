"""TaskHeads: one head per task on the shared trunk."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from model_export.networks.tasks import DEFAULT_TASKS, TASKS, Maps

MOST_CLASSES = 255
"""A label is a byte, and one value is kept for void."""


class TaskHeads(nn.Module):
    """The heads of some of TASKS, each a module of its task's name.

    Args:
        in_channels: of the trunk's features.
        hidden: width of each head.
        classes: number of classes of a task of kind labels.
        tasks: names in TASKS, in any order.

    Raises:
        ValueError: no task, an unknown one, or a number of classes that labels of a byte cannot tell apart.
    """

    def __init__(
        self, in_channels: int, *, hidden: int = 64, classes: int = 40, tasks: Sequence[str] = DEFAULT_TASKS
    ) -> None:
        super().__init__()
        self.tasks = _checked(tasks)
        if not 1 <= classes <= MOST_CLASSES:
            raise ValueError(f"classes must be 1 to {MOST_CLASSES}, got {classes}")
        self.classes = classes if any(TASKS[task].channels is None for task in self.tasks) else 0
        for task in self.tasks:
            self.add_module(task, TASKS[task].head(in_channels, hidden, self.channels(task)))

    def channels(self, task: str) -> int:
        """Of a task's map."""
        return TASKS[task].channels or self.classes

    def forward(self, features: Tensor) -> Maps:
        """Task -> map [N, channels, h, w] of features [N, in_channels, h, w], in the order of TASKS."""
        # Nodes of an exported graph have this order; a model exported again shall be the same bytes.
        order = sorted(self.tasks, key=lambda task: TASKS[task].kind == "labels")
        maps = {task: TASKS[task].activate(self.get_submodule(task)(features)) for task in order}
        return {task: TASKS[task].bound(maps[task]) for task in self.tasks}


def _checked(tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks in the order of TASKS."""
    given = [tasks] if isinstance(tasks, str) else list(tasks)
    if not given or set(given) - set(TASKS):
        raise ValueError(f"tasks must be one or more of {', '.join(TASKS)}, got {given}")
    return tuple(task for task in TASKS if task in given)

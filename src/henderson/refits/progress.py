"""How much of a long piece of work is done, for those who wait for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from henderson.errors import ModelError

Progress: TypeAlias = bool | Callable[[int], None]
_PAUSE = 0.1  # seconds between two drawings


@contextmanager
def followed(progress: Progress, total: int) -> Iterator[Callable[[int], None]]:
    """What to call with the number done, up to `total`.

    Parameters
    ----------
    progress
        True: a bar on standard error, or in the notebook. A function: that function itself.

    Raises
    ------
    ModelError
        For anything else.
    """
    if callable(progress):
        yield progress
        return
    if not isinstance(progress, bool):
        raise ModelError(
            f"progress={progress!r} is no choice. Give True, False or a function of the number "
            "done."
        )
    if not progress:
        yield lambda done: None
        return
    from rich import progress as bars  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    columns = (bars.BarColumn(), bars.MofNCompleteColumn(), bars.TimeRemainingColumn())
    # Drawn by no thread of its own: processes are forked meanwhile.
    with bars.Progress(*columns, console=Console(stderr=True), auto_refresh=False) as bar:
        task, drawn = bar.add_task("", total=total), -_PAUSE

        def draw(done: int) -> None:
            nonlocal drawn
            bar.update(task, completed=done)
            if done == total or time.monotonic() - drawn >= _PAUSE:
                bar.refresh()
                drawn = time.monotonic()

        yield draw

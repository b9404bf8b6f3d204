"""A random task many times, by one process or several, with the same results.

Each replicate has a generator of its own, spawned from the one given, so that what it draws
depends neither on the number of workers nor on which of them does it.
"""

import sys
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pickle import PicklingError
from typing import Any, TypeVar

import numpy as np

from henderson.errors import ModelError
from henderson.estimation.blas_threads import single_blas_thread

Result = TypeVar("Result")
Task = Callable[[np.random.Generator], Result]


def replicates(
    prepare: Callable[[], Task[Result]],
    n: int,
    rng: np.random.Generator | int | None,
    *,
    workers: int = 1,
    report: Callable[[int], None] | None = None,
) -> list[Result]:
    """The results of a task with n generators, in order.

    Parameters
    ----------
    prepare
        Makes the task: what to do with a generator. Called once in each process. With several
        workers these are other processes: on Linux copies of this one; elsewhere `prepare` is
        sent to them, and must consist of what modules define.
    n
        How often.
    rng
        A generator or a seed; None: other draws every time.
    workers
        Number of processes; 1 is this one.
    report
        Called with the number done, after each.

    Raises
    ------
    ModelError
        For numbers that are none, a task that cannot be sent to other processes, or a process
        that ended early.
    """
    workers = checked_count("workers", workers, 1)
    generators = np.random.default_rng(rng).spawn(n)
    results: list[Any] = [None] * n
    with single_blas_thread():
        found = (
            _elsewhere(prepare, generators, workers)
            if workers > 1
            else _here(prepare, generators)
        )
        for count, (place, result) in enumerate(found, start=1):
            results[place] = result
            if report is not None:
                report(count)
    return results


def checked_count(name: str, value: object, least: int) -> int:
    """Refuse what is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ModelError(
            f"{name}={value!r} is not a count. Give a whole number, {least} or more."
        )
    return int(value)


def _here(
    prepare: Callable[[], Task[Result]], generators: list[np.random.Generator]
) -> Iterator[tuple[int, Result]]:
    task = prepare()
    for place, generator in enumerate(generators):
        yield place, task(generator)


def _elsewhere(
    prepare: Callable[[], Task[Result]], generators: list[np.random.Generator], workers: int
) -> Iterator[tuple[int, Result]]:
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    processes, open_ends, left = [], [], len(generators)
    try:
        for share in range(min(workers, len(generators))):
            receiver, sender = context.Pipe(duplex=False)
            own = [(i, generators[i]) for i in range(share, len(generators), workers)]
            process = context.Process(target=_work, args=(prepare, own, sender), daemon=True)
            _start(process)
            sender.close()
            processes.append(process)
            open_ends.append(receiver)
        while open_ends:
            for end in wait(open_ends):
                try:
                    place, result, failure = end.recv()  # pyright: ignore
                except EOFError:
                    open_ends.remove(end)  # pyright: ignore
                    continue
                if failure is not None:
                    raise failure
                left -= 1
                yield place, result
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if left:
        raise ModelError(
            f"A worker process ended early, with {left} fits undone. Use workers=1."
        )


def _start(process: Any) -> None:  # noqa: ANN401
    try:
        process.start()
    except (PicklingError, AttributeError, TypeError) as problem:
        raise ModelError(
            f"The function cannot be sent to other processes ({problem}). Use workers=1, or a "
            "function that a module defines in place of one made on the spot."
        ) from problem


def _work(
    prepare: Callable[[], Task[Result]],
    own: list[tuple[int, np.random.Generator]],
    sender: Connection,
) -> None:
    """Do a share and send each result as it is there; an exception is sent and ends it."""
    with single_blas_thread(), sender:
        try:
            task = prepare()
            for place, generator in own:
                sender.send((place, task(generator), None))
        except Exception as failure:  # raised again where the results are
            sender.send((own[0][0], None, failure))

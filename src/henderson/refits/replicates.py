"""A random task many times, by one process or several, with the same results.

Each replicate has a generator of its own, spawned from the one given, so that what it draws
depends neither on the number of workers nor on which of them does it.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pickle import PicklingError
from typing import Any, TypeVar

import numpy as np

from henderson.errors import ModelError
from henderson.estimation.blas_threads import single_blas_thread
from henderson.randomness import generator_of
from henderson.refits.progress import Progress, followed

Result = TypeVar("Result")
Task = Callable[[np.random.Generator], Result]
TogetherTask = Callable[[Sequence[np.random.Generator]], Sequence[Result]]


def replicates(
    prepare: Callable[[], Task[Result]],
    n: int,
    rng: np.random.Generator | int | None,
    *,
    workers: int = 1,
    progress: Progress = False,
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
    progress
        True for a bar; a function is called with the number done, after each.

    Raises
    ------
    ModelError
        For numbers that are none, a task that cannot be sent to other processes, or a process
        that ended early.
    """
    workers = checked_count("workers", workers, 1)
    generators = generator_of(rng).spawn(n)
    results: list[Any] = [None] * n
    with followed(progress, n) as report:
        for count, (place, result) in enumerate(_done(prepare, generators, workers), start=1):
            results[place] = result
            report(count)
    return results


def replicates_together(
    prepare: Callable[[], TogetherTask[Result]],
    n: int,
    rng: np.random.Generator | int | None,
    together: int,
    *,
    workers: int = 1,
    progress: Progress = False,
) -> list[Result]:
    """As `replicates`, by a task that takes `together` generators at once, as many results.

    Which replicates are done together does not depend on the number of workers.
    """
    workers = checked_count("workers", workers, 1)
    generators = generator_of(rng).spawn(n)
    shares = [generators[i : i + together] for i in range(0, n, together)]
    results: list[Any] = [None] * n
    count = 0
    with followed(progress, n) as report:
        for place, share in _done(prepare, shares, workers):
            results[place * together : place * together + len(share)] = share
            for _ in share:
                count += 1
                report(count)
    return results


def checked_count(name: str, value: object, least: int) -> int:
    """Refuse what is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ModelError(
            f"{name}={value!r} is not a count. Give a whole number, {least} or more."
        )
    return int(value)


def _done(
    prepare: Callable[[], Callable[[Any], Any]], work: Sequence[Any], workers: int
) -> Iterator[tuple[int, Any]]:
    """Places and results of a task for each piece of work, as they are there."""
    with single_blas_thread():
        if workers > 1:
            yield from _elsewhere(prepare, work, workers)
            return
        task = prepare()
        for place, piece in enumerate(work):
            yield place, task(piece)


def _elsewhere(
    prepare: Callable[[], Callable[[Any], Any]], work: Sequence[Any], workers: int
) -> Iterator[tuple[int, Any]]:
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    processes, open_ends, left = [], [], len(work)
    try:
        for share in range(min(workers, len(work))):
            receiver, sender = context.Pipe(duplex=False)
            own = [(i, work[i]) for i in range(share, len(work), workers)]
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
            f"A worker process ended early, with {left} tasks undone. Use workers=1."
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
    prepare: Callable[[], Callable[[Any], Any]],
    own: list[tuple[int, Any]],
    sender: Connection,
) -> None:
    """Do a share and send each result as it is there; an exception is sent and ends it."""
    with single_blas_thread(), sender:
        try:
            task = prepare()
            for place, piece in own:
                sender.send((place, task(piece), None))
        except Exception as failure:  # raised again where the results are
            sender.send((own[0][0], None, failure))

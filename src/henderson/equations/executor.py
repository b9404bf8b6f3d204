"""Who does the work of the parts: map over parts of the data, then add."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, final

Part = TypeVar("Part")
Result = TypeVar("Result")


class Executor(ABC):
    """Maps a function over parts of the data; the caller adds the results.

    The likelihood needs nothing else: what the parts contribute are sums. Threads run in this
    process; a cluster is another executor.
    """

    @abstractmethod
    def map(self, function: Callable[..., Result], *parts: Sequence[Any]) -> list[Result]:
        """`function(*arguments)` for the arguments of every part, in order."""


@final
class SerialExecutor(Executor):
    """One part after another."""

    def map(self, function: Callable[..., Result], *parts: Sequence[Any]) -> list[Result]:
        return [function(*arguments) for arguments in zip(*parts, strict=True)]


@final
class ThreadExecutor(Executor):
    """Parts side by side; the compiled core releases the interpreter lock."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def map(self, function: Callable[..., Result], *parts: Sequence[Any]) -> list[Result]:
        return list(self._pool.map(function, *parts))


SERIAL = SerialExecutor()

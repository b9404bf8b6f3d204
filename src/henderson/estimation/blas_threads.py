"""One BLAS thread while fitting: more make the many small factorizations slower."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def single_blas_thread() -> AbstractContextManager:
    """A context in which BLAS uses one thread; the former number comes back after it."""
    return _controller().limit(limits=1, user_api="blas")

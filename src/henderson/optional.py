"""Optional packages: asked for by name when they are needed, never loaded before."""

from importlib.util import find_spec

from henderson.errors import MissingDependencyError


def need(package: str, *, extra: str, purpose: str) -> None:
    """Raise unless an optional package is installed, with the command that installs it.

    Raises
    ------
    MissingDependencyError
        Naming the `purpose`, the package and the extra of henderson that brings it.
    """
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"{purpose} needs {package}. Install it with: pip install 'henderson[{extra}]'"
        )

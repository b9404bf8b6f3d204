"""python -m henderson: the same as the command henderson."""

from henderson.cli import main

main()

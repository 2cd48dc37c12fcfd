"""A mistake that a user can make, and what the command line should say of it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.cli.place import Command, Place


@dataclass(frozen=True)
class Bad:
    """One kind of bad input.

    Attributes:
        name: What is bad.
        make: Makes it, and returns the command that meets it.
        says: What the message must say, in pieces.
        code: 1 for a failed command, 2 for wrong usage.
        leaves: Files that the command is right to write all the same.
    """

    name: str
    make: Callable[[Place], Command]
    says: tuple[str, ...]
    code: int = 1
    leaves: tuple[str, ...] = ()

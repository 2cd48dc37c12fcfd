"""The one kind of failure a user is meant to read."""

_MOST_TOLD = 100


class InputError(Exception):
    """Something the user gave cannot be used: a file, a row, a key, an option.

    Args:
        problem: What is wrong, naming the file, row, key or case.
        expected: What would have been right.
        found: What was there instead.
        remedy: What the user can do about it.

    The command line prints the message and exits with 1 (a traceback only with ``--debug``).
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        remedy: str | None = None,
    ) -> None:
        lines = [problem]
        lines += [f"  expected: {expected}"] if expected else []
        lines += [f"  found:    {found}"] if found else []
        lines += [f"  remedy:   {remedy}"] if remedy else []
        super().__init__("\n".join(lines))
        self.problem = problem


class InputErrors(InputError):
    """Several failures found by one check, reported together.

    Args:
        errors: The failures, in the order found; at least one. The message has the first hundred.
    """

    def __init__(self, errors: list[InputError]) -> None:
        self.errors = list(errors)
        count = len(self.errors)
        lines = [f"- {error}" for error in self.errors[:_MOST_TOLD]]
        lines += [f"and {count - _MOST_TOLD:,} more"] if count > _MOST_TOLD else []
        super().__init__(f"{count} problem{'s' if count > 1 else ''}:\n" + "\n".join(lines))

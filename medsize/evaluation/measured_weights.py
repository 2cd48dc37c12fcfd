"""Which weights an evaluation measured, and whether a run still has them."""

from collections.abc import Mapping
from typing import Any, Final

from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.run_folder import Checkpoint, RunFolder

_CHECKPOINTS: Final[tuple[Checkpoint, ...]] = ("last", "best")


def digests_of_weights(run: RunFolder) -> dict[str, str]:
    """Return the SHA-256 of the weights of each checkpoint that a run has.

    Raises:
        InputError: A file cannot be read.
    """
    for name in _CHECKPOINTS:
        restore_folder(run.checkpoint(name))
    return {name: file_digest(run.weights(name)) for name in _CHECKPOINTS if run.weights(name).is_file()}


def require_measured_weights(run: RunFolder, summary: Mapping[str, Any]) -> None:
    """Refuse results of other weights than a run has now; weights that were removed since cannot differ.

    Args:
        run: The run.
        summary: Its ``summary.json``.

    Raises:
        InputError: A checkpoint was trained on, or exchanged, after it was measured.
    """
    measured: Mapping[str, str] = summary.get("weights", {})
    now = digests_of_weights(run)
    differ = [name for name, digest in now.items() if digest != measured.get(name)]
    if differ:
        raise InputError(
            f"the results in {run.report} are not those of the weights that {run.path} has now",
            expected="; ".join(f"'{name}' with SHA-256 {_short(measured.get(name))}, as measured" for name in differ),
            found="; ".join(f"'{name}' with SHA-256 {_short(now[name])}" for name in differ),
            remedy=f"evaluate them: medsize evaluate {run.path}",
        )


def _short(digest: str | None) -> str:
    return f"{digest[:12]}…" if digest else "none (it was not measured)"

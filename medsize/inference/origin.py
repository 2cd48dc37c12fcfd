"""What a result was made from: which network, used how, on which image."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

from medsize import __version__
from medsize.digests import files_digest, stamp, value_digest
from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.inference.ensemble import Ensemble
from medsize.inference.options import PredictionOptions
from medsize.run_folder import Checkpoint, RunFolder

DIGITS: Final = 16
"""Of a digest that stand in a table: enough against accidents, and few enough to look at."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a result was made from, in texts; each is empty where it is not known.

    Attributes:
        run: The folder's name; those of an ensemble's members with ``+`` between them.
        checkpoint: Which network of it.
        options: What was done beside asking the network once, e.g. ``tta crf``.
        weights: First digits of the SHA-256 of ``model.safetensors``; of each member.
        settings: Digest of all else that a result depends on: medsize's version, the network, the way from image to
            slices, the values of structures, and what the options are set to.
        input: First digits of the SHA-256 of the image file, or of the digests of its files.
        label: First digits of the SHA-256 of the label file.
    """

    run: str = ""
    checkpoint: str = ""
    options: str = ""
    weights: str = ""
    settings: str = ""
    input: str = ""
    label: str = ""

    @property
    def made_with(self) -> tuple[str, str]:
        """What two results must share to be of one kind; runs may be renamed."""
        return self.weights, self.settings


ORIGIN_COLUMNS: Final = tuple(field.name for field in fields(Origin))


def load_with_origin(
    runs: Sequence[RunFolder],
    checkpoint: Checkpoint,
    device: str,
    options: PredictionOptions,
    batch_size: int | None = None,
) -> tuple[Ensemble, Origin]:
    """Load an ensemble, and say what its results will be made with; see :meth:`Ensemble.load`.

    Raises:
        InputError: As :meth:`Ensemble.load`, or a checkpoint was replaced while it was loaded.
    """
    for run in runs:
        restore_folder(run.checkpoint(checkpoint))
    weights = [run.weights(checkpoint) for run in runs]
    before = stamp([path for path in weights if path.exists()])
    ensemble = Ensemble.load(runs, checkpoint, device, options, batch_size)
    digests = [short(files_digest([path])) for path in weights]
    if stamp(weights) != before:
        raise InputError(
            f"the checkpoint '{checkpoint}' changed while it was loaded",
            expected="a run that nobody trains now",
            remedy="run it again, or when the training has ended",
        )
    about = {
        "version": __version__,
        "options": asdict(options),
        "members": [
            {
                "values": list(member.values.items()),
                "network": member.config.network.model_dump_json(),
                "preprocessing": member.config.data.preprocessing.model_dump_json(),
                "crf": member.config.inference.crf.model_dump_json() if options.crf else None,
            }
            for member in ensemble.members
        ],
    }
    return ensemble, Origin(
        run=" + ".join(run.path.resolve().name for run in runs),
        checkpoint=checkpoint,
        options=options.suffix.removeprefix("_").replace("_", " "),
        weights=" ".join(digests),
        settings=short(value_digest(about)),
    )


def short(digest: str) -> str:
    """Return what stands of a digest in a table."""
    return digest[:DIGITS]

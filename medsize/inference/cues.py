"""Cues of a run's training cases: seeds from a network that was itself trained on tags."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.data.unlabelled import UNLABELLED
from medsize.inference.load import Predictor
from medsize.inference.predict_slices import predict_probabilities
from medsize.run_folder import RunFolder
from medsize.supervision.cue_files import cue_path, write_cue_file
from medsize.supervision.cues import cues_from_activation
from medsize.supervision.seeds import Labels
from medsize.supervision.supervise import supervise


def write_cues(
    run: RunFolder,
    output: Path,
    *,
    threshold: float = 0.2,
    background: float = 0.1,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Write the cues of every training case of a run, from the class probabilities of its checkpoint ``last``.

    "Seed, Expand and Constrain" (P2) takes them from two classifiers of images. Here the probabilities of one
    segmentation network stand for the activation maps of its classes, and for the saliency what is not background.

    Args:
        run: Trained on tags, with the term ``expand``.
        output: Folder of the files, one a case.
        threshold: As for :func:`~medsize.supervision.cues.foreground_cues`.
        background: As ``fraction`` of :func:`~medsize.supervision.cues.background_cues`.
        device: Where the network runs.
        progress: Called with the number of cases done and of all.

    Returns:
        The mean share of the slices' pixels that have a cue of each class, by its name.

    Raises:
        InputError: The run or its data cannot be used, or a fraction is none.
    """
    predictor = Predictor.load(run, device=device)
    config = predictor.config
    found = find_split_cases(config.data)
    cases = of_split(found.cases, "train")
    store = prepare_slices(config.data, found)
    train = store.rows(case.id for case in cases)
    seed, needs = config.training.seed, frozenset({"tags"})
    tags = supervise(config.supervision, store, train, needs=needs, seed=seed, labels=found.labels).given["tags"]
    pixels = np.zeros(store.classes, np.int64)
    for done, case in enumerate(cases, start=1):
        rows = store.rows([case.id])
        batches = predict_probabilities(
            predictor.network,
            store.images,
            rows,
            device=predictor.device,
            precision=predictor.precision,
            batch_size=predictor.batch_size,
        )
        probabilities = torch.cat([batch.cpu() for batch in batches]).numpy()
        slices = zip(probabilities, tags[rows], store.domain[rows], strict=True)
        cues = np.stack([_of_slice(*of_slice, threshold, background) for of_slice in slices])
        write_cue_file(cue_path(output, case.id), cues, store.structures)
        pixels += np.bincount(cues[cues != UNLABELLED], minlength=store.classes)
        if progress:
            progress(done, len(cases))
    shares = pixels / (len(train) * store.side**2)
    return dict(zip(["background", *store.structures], shares.tolist(), strict=True))


def _of_slice(
    probabilities: np.ndarray, tags: np.ndarray, domain: np.ndarray, threshold: float, background: float
) -> Labels:
    if not tags.any():  # nobody said what is there
        return np.full(domain.shape, UNLABELLED, np.uint8)
    saliency = np.where(domain, 1 - probabilities[0], 1)
    cues = cues_from_activation(probabilities * domain, tags, saliency, threshold=threshold, background=background)
    return np.where(domain, cues, np.uint8(UNLABELLED))

"""A run in words: what it was taught, how its cases were divided, what to beware of."""

from collections.abc import Sequence
from itertools import islice

import pandas as pd

from medsize.config.data import DataConfig, HoldoutSplit, Split
from medsize.config.divide import Stage
from medsize.config.run import RunConfig
from medsize.config.supervision import NoisySizes
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.trained_data import data_words

_OPTIONS = {
    "tta": "the average over mirrored slices",
    "keep_largest": "only the largest piece of each structure kept",
    "crf": "its probabilities refined by a dense CRF before they became labels",
}
_SPLITS = {"train": "training", "val": "validation"}


def network_words(config: RunConfig) -> str:
    """Return the name of the network as people write it."""
    return config.network.title


def supervision_words(config: RunConfig) -> str:
    """Return what a run was taught from."""
    sizes, level = config.supervision.sizes, config.supervision.level
    told = {target.removeprefix("volume_") for target in config.targets()}
    taught = ["whole masks"] if "label" in told else []
    grown = "pseudo_label" in told
    seeds = config.supervision.seeds.words
    taught += [seeds] if seeds and told & {"seeds", "pseudo_label"} else []
    if told & {"size_target", "pseudo_label"}:
        nominal = f" of {100 * sizes.noise:g}\N{NO-BREAK SPACE}% on average" if isinstance(sizes, NoisySizes) else ""
        volumes = " of whole volumes" if level == "volume" and sizes.kind != "mean" else ""
        volumes = " of slices and of whole volumes" if level == "both" else volumes
        taught += [sizes.words.format(level=level) + nominal + volumes]
    if grown and seeds:
        taught += ["labels grown from the seeds to the sizes"]
    if any(stage.relabel for stage in config.stages()):
        taught += ["labels of its own with these sizes"]
    if "size_bounds" in told:
        taught += ["bounds on volumes" if level == "volume" else "bounds on sizes"]
    if "tags" in told:
        taught += [f"which structures each {'volume' if level == 'volume' else 'slice'} holds"]
    if any(stage.objective.balance for stage in config.stages()):
        taught += ["the share of each structure in the data set"]
    if not taught:
        return "the images alone"
    return " and ".join([", ".join(taught[:-1]), taught[-1]]) if len(taught) > 1 else "".join(taught)


def level_words(sizes: pd.DataFrame) -> str:
    """Return what the sizes of a table are about: of a ``"slice"``, a ``"volume"``, or either.

    Args:
        sizes: ``training_sizes.csv``; what is about a whole case has no number of a slice.
    """
    of_volumes = sizes["slice"].isna()
    if of_volumes.any() and not of_volumes.all():
        return "slice or volume"
    return "volume" if len(sizes) and of_volumes.all() else "slice"


def objective_words(config: RunConfig) -> str:
    """Return the terms of the objective and their weights, of each stage as it ends."""
    stages = iter(config.stages())
    if not config.training.stages:
        return _sum_words(next(stages))
    parts = []
    for name, described in config.training.stages.items():
        first, *others = islice(stages, described.repeat)
        last = others[-1] if others else first
        epochs = last.end - first.first
        anew = ", the slices labelled anew" if last.relabel else ""
        times = f" {described.repeat} times" if anew and described.repeat > 1 else ""
        parts.append(f"{name} ({epochs} epoch{'s' if epochs > 1 else ''}{anew}{times}): {_sum_words(last)}")
    return "; ".join(parts)


def weights_words(config: RunConfig) -> str:
    """Return whether the weights are averages."""
    average = config.training.ema
    if average is None:
        return "as a single step of the training left them"
    return f"averaged over the steps of the training, each of which kept {100 * average.decay:g}\N{NO-BREAK SPACE}%"


def _sum_words(stage: Stage) -> str:
    terms = [f"{term.weight:g} × {stage.objective.title(name)}" for name, term in stage.objective.terms().items()]
    return " + ".join([*terms, "elastic weight consolidation"] if stage.consolidate else terms)


def split_words(split: Split) -> str:
    """Return how the cases were divided."""
    match split.name:
        case "patients":
            return f"split by patients, fold {split.fold} of 0–4 held out"
        case "paper":
            return "the size-constraint authors' split 'paper'"
        case "manifest":
            return "the manifest's own split" if split.fold is None else f"the manifest's fold {split.fold} held out"
        case "official":
            return "the data set's own split"
        case "holdout":
            return _holdout_words(split)


def _holdout_words(split: HoldoutSplit) -> str:
    if split.ids:
        return f"the images of {split.ids.name} held out"
    if split.count:
        return f"{split.count} images held out by chance, seed {split.seed}"
    return f"split by chance, seed {split.seed}, fold {split.fold} of 0–{split.folds - 1} held out"


def source_words(data: DataConfig) -> str:
    """Return where the images came from."""
    return f"the manifest {data.source.path.name}" if data.source.kind == "manifest" else data.source.title


def option_words(name: str) -> str:
    """Return what an option of the prediction does."""
    return _OPTIONS[name]


def cases_words(split: str) -> str:
    """Return what the cases of a split are called."""
    return f"{_SPLITS.get(split, split)} cases".strip()


def warnings(evaluated: Evaluated) -> list[str]:
    """Return what a reader must know before believing any figure."""
    summary, metrics = evaluated.summary, evaluated.metrics
    found = []
    leaks, unevaluated = summary.get("leaks", []), summary.get("unevaluated", [])
    if leaks:
        found.append(
            f"The split leaks: {_count(leaks, 'patient')} with held-out images also "
            f"{'has' if len(leaks) == 1 else 'have'} images in training ({listed(leaks)}). "
            "Every figure here is better than it would be on new patients."
        )
    found += data_words(summary)
    if missing := [each["case"] for each in summary.get("not_evaluated", [])]:
        found.append(
            f"{_count(missing, 'case')} could not be evaluated, and {'is' if len(missing) == 1 else 'are'} in no "
            f"figure: {listed(missing)}. The reasons are in summary.json."
        )
    for where, values in summary.get("unnamed_values", {}).items():
        if values:
            found.append(
                f"Values that no structure has were taken as background in the {where}: {listed(list(values))}."
            )
    if metrics.empty:
        found.append("No held-out case has a label, so nothing can be said about accuracy.")
    if unevaluated:
        found.append(f"{_count(unevaluated, 'held-out case')} without a label not evaluated: {listed(unevaluated)}.")
    failed = metrics.loc[metrics["failure"] != "", "case"].unique().tolist()
    if failed:
        found.append(
            f"{_count(failed, 'case')} without a usable prediction: {listed(failed)}. Scored as if nothing was found."
        )
    undefined = metrics[metrics["dice_scan"].isna()]
    for (checkpoint, structure), rows in undefined.groupby(["checkpoint", "structure"], sort=False):
        of = f", checkpoint {checkpoint}," if evaluated.run else ""
        cases = rows["case"].to_list()
        found.append(
            f"dice_scan of {structure}{of} is undefined in {_count(cases, 'case')}, where neither label nor prediction "
            f"holds it ({listed(cases)}): left out of its mean."
        )
    return found


def _count(of: Sequence[str], what: str) -> str:
    return f"{len(of)} {what}{'' if len(of) == 1 else 's'}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names in a row, the first ones of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")

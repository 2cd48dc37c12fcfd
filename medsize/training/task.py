"""Everything a training needs, made and checked before the first step."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from medsize.config.divide import Stage
from medsize.config.network import UNetConfig
from medsize.config.run import RunConfig
from medsize.console import say
from medsize.data.augmentation import extra_keys
from medsize.data.batches import Batches
from medsize.data.case import Case
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.data.store import SliceStore
from medsize.errors import InputError
from medsize.inference.extent import Extent
from medsize.losses import Objective
from medsize.networks import EncoderNetwork, guess_shares, load_encoder_weights
from medsize.supervision.complete_config import complete_config
from medsize.supervision.given_sizes import exact_fractions
from medsize.supervision.supervise import PSEUDO_LABEL, SIZES, Supervision, mean_shares, supervise
from medsize.training.start_from import load_start


@dataclass(frozen=True, slots=True)
class Task:
    """A training's data, supervision and objective.

    Attributes:
        config: The run's configuration, with nothing left to a size table.
        cases: All cases with their split.
        store: The slices of the training and validation cases.
        train_rows: Rows of the store that train.
        val_cases: Cases with a label that validate; may be empty.
        supervision: What the training rows are taught from.
        network: The network with its initial weights.
        stages: The stages of the training.
        objectives: What each of them minimises.
        targets: The entries of a batch that any of them needs.
        sizes_may_be_wrong: Whether people gave the sizes, or a simulation of people.
    """

    config: RunConfig
    cases: list[Case]
    store: SliceStore
    train_rows: np.ndarray
    val_cases: list[Case]
    supervision: Supervision
    stages: tuple[Stage, ...]
    objectives: tuple[Objective, ...]
    targets: frozenset[str]
    network: nn.Module
    sizes_may_be_wrong: bool

    def batches(self, size: int, fewest_cases: int, processes: int) -> Batches:
        """Divide the training rows into batches of about ``size`` slices; of whole cases if any stage needs them.

        Args:
            size: Slices in a batch.
            fewest_cases: Of whole cases, so many are in a batch at least.
            processes: Processes that train together.

        Raises:
            InputError: There is less to train on than processes.
        """
        if "case" not in self.targets:
            return Batches.of_slices(self.train_rows, size=size, processes=processes)
        cases = self.store.index["case"].iloc[self.train_rows].to_list()
        return Batches.of_cases(self.train_rows, cases, size=size, fewest=fewest_cases, processes=processes)

    @property
    def extent(self) -> Extent | None:
        """How large the images are that train; None of photos."""
        return Extent.of_cases(self.store, [case.id for case in self.cases if case.split == "train"])

    def describe(self) -> str:
        """Return in a line or two what trains, what validates, and how wrong the given sizes are."""
        train = sum(case.split == "train" for case in self.cases)
        lines = [f"{train} cases ({len(self.train_rows)} slices) train, {len(self.val_cases)} validate"]
        noise = self.supervision.measured_noise or {}
        if any(noise.values()):
            measured = ", ".join(f"{name} {error:.1%}" for name, error in noise.items())
            nominal = self.supervision.nominal_noise
            asked = "" if nominal is None else f" (asked for: {nominal:.1%})"
            lines.append(f"mean relative error of the given sizes: {measured}{asked}")
        return "\n".join(lines + self._what_is_unknown())

    def _what_is_unknown(self) -> list[str]:
        table = self.supervision.table
        known = table["given_fraction"].notna()
        if "low_fraction" in table:
            known |= table["low_fraction"].notna()
        known = known[table["structure"] != "background"]
        items = known.groupby([table["case"], table["slice"].fillna(-1)])
        lines = []
        if partial := int((items.any() & ~items.all()).sum()):
            lines.append(f"some structures have no given size on {partial} of {items.ngroups} slices or volumes")
        cases = known.groupby(table["case"]).any()
        if missing := int((~cases).sum()):
            lines.append(
                f"{missing} of {len(cases)} training cases have no size at all: they train on what else they have"
            )
        if left_out := self.supervision.rows_left_out:
            lines.append(f"{left_out} rows of the table are about structures or test cases that this run does not use")
        return lines


def prepare_task(config: RunConfig) -> Task:
    """Find the cases, build or open the slice store, and make the supervision.

    Raises:
        InputError: Something in the data, the split or the supervision cannot be used.
    """
    config = complete_config(config)
    found = find_split_cases(config.data)
    train, val = of_split(found.cases, "train"), of_split(found.cases, "val")
    if not train:
        raise InputError("no case is left to train on", found=f"{len(found.cases)} cases, {len(val)} held out")
    stages = config.stages()
    objectives = tuple(stage.objective.build(config.supervision.level or "slice") for stage in stages)
    targets = config.targets()
    _require_labels(config, targets, train)
    _require_places(config, targets)
    _require_classes(stages, ("background", *found.structures))
    network = _initial_network(config, classes=len(found.structures) + 1)
    store = prepare_slices(config.data, found)
    train_rows = store.rows(case.id for case in train)
    supervision = supervise(
        config.supervision,
        store,
        train_rows,
        needs=targets,
        seed=config.training.seed,
        labels=found.labels,
        others=[case.id for case in of_split(found.cases, "test")],
    )
    shares = mean_shares(exact_fractions(store)[train_rows]) if "label" in targets else supervision.mean_sizes()
    if config.training.start_at_sizes and shares is not None and config.network.start_from is None:
        guess_shares(network, shares)
    sizes_may_be_wrong = config.supervision.sizes.kind in ("table", "noisy") and not supervision.table.empty
    val_cases = [case for case in val if case.label is not None]
    return Task(
        config=config,
        cases=found.cases,
        store=store,
        train_rows=train_rows,
        val_cases=val_cases,
        supervision=supervision,
        stages=stages,
        objectives=objectives,
        targets=targets,
        network=network,
        sizes_may_be_wrong=sizes_may_be_wrong,
    )


def _require_labels(config: RunConfig, targets: frozenset[str], train: list[Case]) -> None:
    supervision = config.supervision
    reasons = []
    if "label" in targets:
        reasons.append("the objective has a cross entropy on masks")
    if {"seeds", PSEUDO_LABEL} & targets and supervision.seeds.kind not in ("scribble", "cues", "none"):
        reasons.append(f"seeds of kind '{supervision.seeds.kind}' are made from masks")
    if {*SIZES, PSEUDO_LABEL} & targets and supervision.sizes.kind != "table":
        reasons.append(f"sizes of kind '{supervision.sizes.kind}' are measured on masks")
    if extra_keys(config.training.augmentation):
        reasons.append("sizes of crops are measured on masks (training.augmentation.zoom)")
    missing = [case.id for case in train if case.label is None]
    if reasons and missing:
        raise InputError(
            f"{len(missing)} training case(s) have no label: {', '.join(missing[:5])}",
            expected=f"labels, because {' and '.join(reasons)}",
            remedy="use scribble seeds and a size table (--sizes), or leave these cases out",
        )


def _require_places(config: RunConfig, targets: frozenset[str]) -> None:
    augmentation = config.training.augmentation
    cutting = [f"training.augmentation.{name}" for name in ("rotation", "elastic") if getattr(augmentation, name)]
    if cutting and set(SIZES) & targets and not {"seeds", PSEUDO_LABEL} & targets:
        raise InputError(
            f"{' and '.join(cutting)} would make every size unknown",
            expected="seeds or pseudo labels: they tell whether a structure is cut where the edge of an image is",
            found=f"an objective on {', '.join(sorted(targets - {'image', 'case'}))}",
            remedy=f"set {' and '.join(cutting)} to 0, or add a term on seeds, such as partial_cross_entropy",
        )


def _require_classes(stages: tuple[Stage, ...], names: tuple[str, ...]) -> None:
    terms = [(stage.objective.weighted_cross_entropy, stage.objective.balance) for stage in stages]
    given = [("weighted_cross_entropy.counts", weighted.counts if weighted else None) for weighted, _ in terms]
    given += [("balance.distribution", balance.distribution if balance else None) for _, balance in terms]
    for key, values in given:
        if values is not None and len(values) != len(names):
            raise InputError(
                f"objective.{key} does not fit the classes",
                expected=f"{len(names)} values, for {', '.join(names)}",
                found=f"{len(values)} values",
            )


def _initial_network(config: RunConfig, *, classes: int) -> nn.Module:
    torch.manual_seed(config.training.seed)
    network = config.network.build(in_channels=config.data.channels, classes=classes)
    if config.network.start_from is not None:
        load_start(network, config.network, config.network.start_from)
        return network
    if isinstance(config.network, UNetConfig):
        return network
    if config.network.weights is None:
        say("The encoder starts from scratch: no published weights were given (--weights FILE).")
        return network
    assert isinstance(network, EncoderNetwork)
    try:
        load_encoder_weights(network.encoder, config.network.weights)
    except ValueError as error:
        raise InputError("the encoder's weights cannot be used", found=str(error)) from error
    return network

"""The training loop.

Whatever is random in a step (the order of the slices, the augmentation, dropout) follows from the run's seed and
the number of the step alone. So a run needs no generator state to be resumed, and a run that was stopped anywhere
ends with the very weights of one that was not (on a CPU, at the same number of threads).
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn

from medsize.config.divide import Stage
from medsize.config.run import RunConfig
from medsize.config.stages import RelabelConfig
from medsize.data.augmentation import augment, extra_keys
from medsize.data.batches import Batch, Given, gather
from medsize.errors import InputError
from medsize.losses import ElasticWeightConsolidation, Objective, ObjectiveValue
from medsize.networks.finite import all_finite, describe_not_finite
from medsize.run.records import Records
from medsize.run.relabelled import read_relabelled
from medsize.run_folder import RunFolder
from medsize.tables import write_table
from medsize.training.averaged import AveragedNetwork
from medsize.training.checkpoints import Position, save_best, save_last
from medsize.training.consolidation import consolidate, load_consolidation
from medsize.training.display import Display
from medsize.training.interruption import Interruption
from medsize.training.optimisers import numbers_of
from medsize.training.relabelling import agreed, describe_sizes, relabel
from medsize.training.schedule import learning_rate
from medsize.training.sizes_while_learning import SizesWhileLearning
from medsize.training.task import Task
from medsize.training.validation import Validation, validate


class InterruptedTraining(Exception):
    """The training was asked to stop; its state is saved and it can be resumed.

    Args:
        run: The run that was stopped.
    """

    def __init__(self, run: RunFolder) -> None:
        super().__init__(f"training in {run.path} was interrupted")
        self.run = run


@dataclass(kw_only=True)
class Training:
    """A training under way.

    Attributes:
        run_config: All of the run's configuration, for its checkpoints; ``config`` is its part about training.
        task: Data, supervision and objective.
        network: The network as Accelerate wraps it.
        averaged: The average of its weights, if the run has one.
        optimiser: Its optimiser, likewise.
        accelerator: Devices, precision and processes.
        precision: Of the network's arithmetic; losses are in float32.
        run: Where everything is written.
        records: ``metrics.jsonl``.
        position: Where the training stands.
        interruption: Whether somebody asked to stop.
        display: What the person at the terminal sees.
    """

    run_config: RunConfig
    task: Task
    network: nn.Module
    averaged: AveragedNetwork | None
    optimiser: AcceleratedOptimizer
    accelerator: Accelerator
    precision: torch.dtype
    run: RunFolder
    records: Records
    position: Position
    interruption: Interruption
    display: Display

    def __post_init__(self) -> None:
        self.config = self.run_config.training
        processes = self.accelerator.num_processes
        self.batches = self.task.batches(self.config.batch_size, self.config.fewest_cases, processes)
        self.steps = len(self.batches) * self.config.epochs
        for objective in self.task.objectives:
            objective.to(self.accelerator.device)
        self.bare_network: nn.Module = self.accelerator.unwrap_model(self.network)
        self.sizes = self.sizes_so_far()
        self.consolidation: ElasticWeightConsolidation | None = None
        self.relabelled: Given = {}
        self.number = 0

    @property
    def predictor(self) -> nn.Module:
        """The network that predicts, not wrapped: the averaged one, or the one that trains if nothing is averaged.

        The one that trains may be in training mode; ``predict_probabilities`` takes it out of it and puts it back.
        """
        return self.averaged.network if self.averaged else self.bare_network

    @property
    def stage(self) -> Stage:
        """The stage under way."""
        return self.task.stages[self.number]

    @property
    def given(self) -> Given:
        """What the slices are taught from."""
        return {**self.task.supervision.given, **self.relabelled}

    @property
    def objective(self) -> Objective:
        """What it minimises."""
        return self.task.objectives[self.number]

    def sizes_so_far(self) -> SizesWhileLearning | None:
        """Return what was predicted of the training slices, as far as it can tell which given sizes are wrong."""
        if not self.task.sizes_may_be_wrong:
            return None
        if self.accelerator.is_main_process and (sizes := SizesWhileLearning.load(self.run)):
            return sizes
        return SizesWhileLearning.empty(len(self.task.store), self.task.store.classes)

    def train(self) -> None:
        """Train to the last epoch, or until validation stops improving.

        Raises:
            InputError: The loss is not finite, or the weights are not; the message names the cases of the batch, or
                the step.
            InterruptedTraining: Somebody asked to stop.
        """
        while self.position.epoch < self.config.epochs:
            self.train_epoch()
            if self.position.epoch % self.config.validate_every == 0 or self.position.epoch == self.config.epochs:
                self.validate()
            self.save()
            patience = self.config.early_stopping.patience if self.config.early_stopping else math.inf
            if self.position.stale >= patience:
                self.display.say(f"no better validation for {self.position.stale} times: stopping early")
                break

    def train_epoch(self) -> None:
        """Train the batches of one epoch that are still to do, and record their mean loss."""
        position = self.position
        self.enter_stage()
        self.network.train()
        self.objective.begin_epoch(position.epoch)
        order = self.batches.order(seed=self.config.seed, epoch=position.epoch)
        began = time.monotonic() - position.seconds
        while position.batch < len(self.batches):
            position.seconds = time.monotonic() - began
            self.stop_if_asked()
            step = position.epoch * len(self.batches) + position.batch
            value = self.train_step(step, self.batches.rows(order, position.batch, self.accelerator.process_index))
            self.add_to_sums(value)
            position.batch += 1
            mean = position.sums["loss"] / position.batch
            self.display.step(step + 1, self.steps, position.epoch, mean, self.stage.name)
        self.require_finite_weights()
        if self.averaged:
            self.averaged.agree()
        means = {name: total / position.batch for name, total in position.sums.items()}
        loss = means.pop("loss")
        position.epoch, position.batch, position.sums, position.seconds = position.epoch + 1, 0, {}, 0.0
        if self.accelerator.is_main_process:
            self.records.add(
                position.epoch * len(self.batches),
                kind="epoch",
                epoch=position.epoch,
                loss=loss,
                parts=means,
                learning_rate=self.optimiser.param_groups[0]["lr"],
                seconds=round(time.monotonic() - began, 3),
                **({"stage": self.stage.name} if self.stage.name else {}),
            )

    def enter_stage(self) -> None:
        """Be in the stage of the epoch under way; where it begins, do what it begins with.

        Whether it begins follows from the position alone. So a training that is stopped before the stage's first step
        does it all again, from the same weights, and one that is stopped later finds it in the checkpoint.
        """
        epoch = self.position.epoch
        self.number = next(n for n, stage in enumerate(self.task.stages) if epoch < stage.end)
        begins = epoch == self.stage.first and self.position.batch == 0
        if begins and self.stage.name:
            self.display.say(f"epoch {epoch + 1}: {self.stage.name} begins")
        if begins and self.stage.restart_optimiser:
            self.optimiser.state.clear()
        if self.stage.consolidate is None:
            self.consolidation = None
        elif begins:
            losses = self.losses_of_stage_before()
            self.consolidation = consolidate(self.bare_network, losses, self.stage.consolidate, self.accelerator)
        elif self.consolidation is None:
            self.consolidation = load_consolidation(self.run, self.stage.consolidate)
        if begins and self.stage.relabel:
            self.relabelled = self.label_anew(self.stage.relabel)
        elif not self.relabelled and any(stage.relabel for stage in self.task.stages[: self.number + 1]):
            self.relabelled = read_relabelled(self.run.relabelled)

    def label_anew(self, config: RelabelConfig) -> Given:
        """Let the network that predicts label the training slices under their sizes, alike in all processes."""
        relabelled, sizes = relabel(
            self.predictor,
            self.task.store,
            self.task.train_rows,
            self.task.supervision,
            config,
            self.run_config.supervision.pseudo_labels,
            device=self.accelerator.device,
            precision=self.precision,
            batch_size=self.config.batch_size,
            before_batch=self.stop_if_asked,
        )
        if self.accelerator.is_main_process:
            write_table(self.run.corrected_sizes, sizes)
            self.display.say(f"the training slices are labelled anew, with {describe_sizes(sizes)}")
        return agreed(relabelled, self.accelerator)

    def losses_of_stage_before(self) -> Iterator[Tensor]:
        """Yield the loss of the stage before on the batches of the epoch to come, in evaluation mode."""
        objective = self.task.objectives[self.number - 1]
        objective.begin_epoch(self.position.epoch - 1)  # as it ended, also in a process that did not see it end
        order = self.batches.order(seed=self.config.seed, epoch=self.position.epoch)
        self.bare_network.eval()
        for number in range(len(self.batches)):
            self.stop_if_asked()
            step = self.position.epoch * len(self.batches) + number
            names, batch = self.batch_of(step, self.batches.rows(order, number, self.accelerator.process_index))
            with self.accelerator.autocast():
                logits = self.bare_network(batch["image"])
            value = objective(logits, batch)
            _require_finite(value, step, self.position.epoch, names)
            yield value.total

    def stop_if_asked(self) -> None:
        """Save and stop if somebody asked to.

        Raises:
            InterruptedTraining: Somebody did.
            InputError: Somebody did, and the weights are not finite.
        """
        if not self.interruption.asked:
            return
        self.require_finite_weights()
        self.save()
        raise InterruptedTraining(self.run)

    def train_step(self, step: int, rows: np.ndarray) -> ObjectiveValue:
        """Take one step of gradient descent on the slices in ``rows``."""
        for group in self.optimiser.param_groups:
            group |= numbers_of(self.stage.optimiser)
            group["lr"] = learning_rate(self.stage, self.config.step_decay, step=step, steps_an_epoch=len(self.batches))
        torch.manual_seed((self.config.seed << 32) + step)  # dropout
        names, batch = self.batch_of(step, rows)
        with self.accelerator.autocast():
            logits = self.network(batch["image"])
        value: ObjectiveValue = self.objective(logits, batch)
        if self.consolidation:
            penalty = self.consolidation.penalty(self.bare_network)
            value = ObjectiveValue(value.total + penalty, {**value.parts, "consolidation": penalty.detach()})
        _require_finite(value, step, self.position.epoch, names)
        if self.sizes and self.position.epoch > 0:  # in its first epoch a network knows nothing yet
            self.sizes.add(torch.from_numpy(rows), logits, batch.get("domain"), batch.get("size_factor"))
        self.optimiser.zero_grad()
        self.accelerator.backward(value.total)
        self.optimiser.step()
        if self.averaged:
            self.averaged.update(step)
        return value

    def require_finite_weights(self) -> None:
        """Refuse to go on with, or to keep, a network that a step has spoiled though its loss was finite.

        Raises:
            InputError: A weight or a running statistic is not finite.
        """
        state = self.bare_network.state_dict()
        if all_finite(list(state.values())):
            return
        step = self.position.epoch * len(self.batches) + self.position.batch - 1
        raise InputError(
            f"the weights are not finite after step {step} (epoch {self.position.epoch + 1})",
            found=describe_not_finite(state),
            remedy="lower training.optimiser.learning_rate, or set training.precision to float32; "
            "the last checkpoint is from before",
        )

    def batch_of(self, step: int, rows: np.ndarray) -> tuple[list[str], dict[str, Tensor]]:
        """Return the case ids and the augmented tensors of a batch, on the device."""
        keys = (self.task.targets | extra_keys(self.config.augmentation)) - {"image"}
        batch: Batch = gather(self.task.store, self.given, rows, keys=keys)
        tensors = {key: tensor.to(self.accelerator.device, non_blocking=True) for key, tensor in batch.tensors.items()}
        return batch.cases, augment(tensors, self.config.augmentation, seed=self.config.seed, step=step)

    def add_to_sums(self, value: ObjectiveValue) -> None:
        """Add a batch's loss and its parts to the sums of the epoch."""
        for name, part in {"loss": value.total.detach(), **value.parts}.items():
            self.position.sums[name] = self.position.sums.get(name, 0.0) + float(part)

    def validate(self) -> None:
        """Measure the network that predicts on the validation cases; keep it as ``best`` if it is."""
        if not self.task.val_cases or not self.accelerator.is_main_process:
            return
        validation = validate(
            self.predictor,
            self.task.store,
            self.task.val_cases,
            device=self.accelerator.device,
            precision=self.precision,
            batch_size=self.config.batch_size,
        )
        position = self.position
        better = validation.mean is not None and (position.best is None or validation.mean > position.best)
        if better:
            position.best, position.best_epoch, position.stale = validation.mean, position.epoch, 0
            save_best(self.run, self.run_config, self.task.extent, self.predictor, position)
        else:
            position.stale += 1
        self.record(validation, better)

    def record(self, validation: Validation, better: bool) -> None:
        """Write down a validation and show it."""
        self.records.add(
            self.position.epoch * len(self.batches),
            kind="validation",
            epoch=self.position.epoch,
            dice_scan=validation.dice_scan,
            mean=validation.mean,
            best=better,
        )
        mark = " (best so far)" if better else ""
        where = f"epoch {self.position.epoch}/{self.config.epochs}"
        where += f" ({self.stage.name})" if self.stage.name else ""
        self.display.say(f"{where}: validation dice_scan {validation.describe()}{mark}")

    def save(self) -> None:
        """Replace ``checkpoints/last``."""
        self.position.metrics_bytes = self.records.bytes
        self.accelerator.wait_for_everyone()
        sizes = self.sizes.of_all(self.accelerator) if self.sizes else None
        if self.accelerator.is_main_process:
            save_last(
                self.run,
                self.run_config,
                self.task.extent,
                self.bare_network,
                self.optimiser.optimizer,
                self.position,
                averaged=self.averaged,
                sizes=sizes,
                consolidation=self.consolidation,
                relabelled=self.relabelled,
            )


def _require_finite(value: ObjectiveValue, step: int, epoch: int, names: list[str]) -> None:
    if math.isfinite(float(value.total.detach())):
        return
    parts = ", ".join(f"{name} {float(part):g}" for name, part in value.parts.items())
    raise InputError(
        f"the loss is not finite at step {step} (epoch {epoch + 1})",
        found=f"{parts}; cases of the batch: {', '.join(sorted(set(names)))}",
        remedy="look at these cases, lower training.optimiser.learning_rate, or set training.precision to float32; "
        "the last checkpoint is from before this step",
    )

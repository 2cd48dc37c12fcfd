"""``medsize weights``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medsize.console import show

if TYPE_CHECKING:
    from medsize.networks import WeightMatch

_SHOWN = 12

weights = typer.Typer(no_args_is_help=True, help="Published weights of backbones.")


@weights.callback()
def _group() -> None:
    """Keep ``check`` a command of a group while it is the only one."""


@weights.command()
def check(
    file: Annotated[Path, typer.Argument(help="Weights: .safetensors, .pth, .pt or .pth.tar.", show_default=False)],
    network: Annotated[str, typer.Option(help="Name of a network, e.g. resnet101_deeplabv3plus.", show_default=False)],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Any key of the network, e.g. network.image_size=384.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which tensors of a file fit a network's backbone; exit code 1 if they do not cover it."""
    import torch

    from medsize.cli.overrides import training_overrides
    from medsize.config.layers import layer_from_option
    from medsize.config.loading import load_config
    from medsize.errors import InputError
    from medsize.networks import EncoderNetwork, match_weights

    name = layer_from_option("--network", ("network", "name"), network)
    settings = load_config("acdc", [name, *training_overrides(assignments=assignments)]).network
    with torch.device("meta"):  # names and shapes alone
        built = settings.build(in_channels=3, classes=2)
    if not isinstance(built, EncoderNetwork):
        raise InputError(f"--network {network} starts from scratch: there are no published weights for it")
    try:
        match = match_weights(built.encoder, file)
    except ValueError as error:
        raise InputError("the weights cannot be used", found=str(error)) from error
    if as_json:
        show(_as_json(match, network))
    else:
        _show(match, network, built.encoder.stock_weights)
    if not match.covers:
        raise typer.Exit(1)


def _as_json(match: "WeightMatch", network: str) -> str:
    import json
    from dataclasses import asdict

    return json.dumps({"network": network, "covers": match.covers, **asdict(match)}, default=str, indent=2)


def _show(match: "WeightMatch", network: str, stock_weights: str) -> None:
    whole = len(match.fitting) + len(match.missing) + len(match.misshaped)
    show(f"{match.path}, for the {match.backbone} of {network}")
    show(f"  fits       {len(match.fitting)} of {whole} tensors")
    misshaped = [f"{name} {expected}, found {found}" for name, expected, found in match.misshaped]
    for title, lines in (
        ("adapted", match.adapted),
        ("missing", match.missing),
        ("misshaped", misshaped),
        ("left over", match.left_over),
    ):
        if lines:
            show(f"  {title:10s} {len(lines)}: {', '.join(lines[:_SHOWN])}{_more(len(lines))}")
    for dtype, count in match.converted.items():
        show(f"  converted  {count} tensors from {dtype} to float32")
    if match.covers:
        show("The file gives everything that the backbone has.")
    else:
        show(f"The file does not cover the backbone; what does: {stock_weights}.")


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more (--json lists all)" if count > _SHOWN else ""

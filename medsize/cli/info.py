"""``medsize info``."""

from medsize.console import show


def info() -> None:
    """Show versions, this machine's device and precision, and where things are kept."""
    import json

    from medsize.config.layers import presets
    from medsize.data.cache import default_cache
    from medsize.inference.precision import resolve_device, resolve_precision
    from medsize.training.environment import describe_environment

    device = resolve_device("auto")
    about = describe_environment(device, resolve_precision("auto", device))
    del about["started"]
    about["presets"] = presets()
    about["cache"] = str(default_cache())
    show(json.dumps(about, indent=2))

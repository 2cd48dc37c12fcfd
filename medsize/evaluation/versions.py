"""What computed the figures."""

from importlib.metadata import version


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of installed packages."""
    return {name: version(name) for name in packages}

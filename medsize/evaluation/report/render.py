"""From a template and its values to a page that needs nothing else."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from medsize import __version__
from medsize.evaluation.report.number_words import interval, number, quartiles, spread
from medsize.metrics.measures import MEASURES
from medsize.text import printable


def render(template: str, **values: Any) -> str:
    """Return a page of ``page/``, with style and script inside it."""
    return _environment().get_template(template).render(version=__version__, **values)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("medsize.evaluation.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": number,
        "percent": _percent,
        "times100": _times100,
        "spread": spread,
        "quartiles": quartiles,
    }
    environment.globals["interval"] = interval
    environment.globals["about_measures"] = MEASURES
    environment.globals["include_text"] = lambda name: Markup(
        environment.loader.get_source(environment, name)[0] if environment.loader else ""
    )
    return environment


def _harmless(value: Any) -> Any:
    """Return what is printed; control characters in the name of a case are shown, and do nothing."""
    return printable(value) if type(value) is str else value


def _percent(value: float | None, decimals: int = 1) -> str:
    return number(None if value is None else 100 * value, decimals) + (
        "" if value is None or value != value else "\N{NO-BREAK SPACE}%"
    )


def _times100(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"

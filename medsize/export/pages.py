"""The pages for people: the model card and the bundle's README."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

import medsize
from medsize.evaluation.report.words import network_words, objective_words, supervision_words, weights_words
from medsize.export.facts import NOT_A_DEVICE, Facts, intensity_words
from medsize.metrics.measures import MEASURES

_SIZES = {"exact": "measured on masks", "mean": "one fixed size", "table": "from a table that people filled in"}

_MEASURES = ("dice_scan", "hd95_mm", "assd_mm", "volume_error_ml")
"""Those of a model card: more would hide them."""


def write_page(path: Path, facts: Facts) -> None:
    """Write the page of this name: ``MODEL_CARD.md`` or ``README.md``."""
    # Markdown, so nothing is escaped
    environment = Environment(
        loader=PackageLoader("medsize.export", "templates"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page = environment.get_template(f"{path.name}.j2").render(
        facts=facts,
        config=facts.config,
        version=medsize.__version__,
        not_a_device=NOT_A_DEVICE,
        network=network_words(facts.config),
        supervision=supervision_words(facts.config),
        objective=objective_words(facts.config),
        weights=weights_words(facts.config),
        source=facts.config.data.source.title,
        sizes=sizes_words(facts),
        intensities=intensity_words(facts.config.data.preprocessing.name),
        results=result_rows(facts),
    )
    path.write_text(page, encoding="utf-8")


def license_text() -> str:
    """Return the licence of medsize's code, of which an exported network is a part."""
    return (Path(__file__).parent / "templates" / "LICENSE").read_text(encoding="utf-8")


def sizes_words(facts: Facts) -> str:
    """Return what sizes the network was taught, and how wrong they are known to be."""
    if not facts.config.told_sizes:
        return "none"
    sizes = facts.config.supervision.sizes
    words = "measured on masks, then made wrong at random" if sizes.kind == "noisy" else _SIZES[sizes.kind]
    nominal, measured = (facts.supervision.get(name) for name in ("nominal_noise", "measured_noise"))
    parts = [words]
    if nominal is not None:
        parts.append(f"nominal mean relative error {_percent(nominal)}")
    errors = {name: error for name, error in (measured or {}).items() if error is not None and name in facts.values}
    if errors:
        parts.append("measured " + ", ".join(f"{_percent(error)} ({name})" for name, error in errors.items()))
    return "; ".join(parts)


def result_rows(facts: Facts) -> list[dict[str, str]]:
    """Return a row of figures for each structure and measure, as text; none where the checkpoint was not evaluated."""
    aggregates: dict[str, dict[str, Any]] = facts.results["aggregates"] if facts.results else {}
    return [
        {
            "structure": name,
            "measure": MEASURES[measure].title,
            "cases": str(figures["cases"]),
            "mean": _figure(figures["mean"]),
            "interval": f"{_figure(figures['low'])} to {_figure(figures['high'])}",
            "median": f"{_figure(figures['median'])} [{_figure(figures['q25'])}, {_figure(figures['q75'])}]",
            "undefined": str(figures["undefined"]),
            "infinite": str(figures["infinite"]),
        }
        for name, aggregate in aggregates.items()
        for measure in _MEASURES
        if (figures := aggregate["measures"].get(measure))
    ]


def _figure(value: float | str | None) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:.4g}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

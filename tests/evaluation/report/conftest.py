import pytest
from markupsafe import Markup

from medsize.evaluation.report import agreement_figures, figures, spread_figure


@pytest.fixture
def unrendered(monkeypatch) -> None:
    """Figures are drawn, but not rendered, which takes most of a report's time."""
    for module in (figures, agreement_figures, spread_figure):
        monkeypatch.setattr(module, "to_svg", lambda figure, **_: Markup("<svg></svg>"))

import re

import matplotlib as mpl
import pytest

from medsize.evaluation.report.svg import INK, SERIES, new_axes, page_style, to_svg


def draw(name="loss", title="dice_scan", description="a curve"):
    with page_style():
        figure, axes = new_axes(4, 3)
        axes.plot([0, 1], [0, 1], color=SERIES[0])
        axes.scatter([0.5], [0.5], color=SERIES[1])
        axes.set_title(title, color=INK)
        return to_svg(figure, name=name, description=description)


def test_a_figure_is_one_svg_element_that_says_what_it_shows():
    svg = draw(description='loss "and" <parts>')
    assert svg.startswith(
        '<svg class="figure" role="img" aria-label="loss &#34;and&#34; &lt;parts&gt;" viewBox="0 0 288 216">'
    )
    assert svg.rstrip().endswith("</svg>")
    assert svg.count("<svg") == 1


def test_colours_and_type_come_from_the_page():
    svg = draw()
    for variable in ("--ink", "--muted", "--rule", "--series-1", "--series-2", "--sans"):
        assert f"var({variable})" in svg
    assert "#" not in re.sub(r'(href="|url\()#', "", svg)
    assert "DejaVu" not in svg


def test_nothing_in_a_figure_reaches_beyond_it():
    svg = draw()
    assert "http" not in svg
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_ids_of_two_figures_on_a_page_differ():
    ids = [set(re.findall(r'\bid="([^"]*)"', draw(name))) for name in ("loss", "volumes")]
    assert not ids[0] & ids[1]
    for used in re.findall(r'(?:url\(#|href="#)([^")]*)', draw("loss")):
        assert used in ids[0]


def test_text_stays_text_and_is_taken_literally():
    assert re.search(r">cost in \$ &lt;b&gt; \$</text>", draw(title="cost in $ <b> $"))


def test_a_figure_is_the_same_at_every_writing():
    assert draw() == draw()


def test_the_users_own_style_does_not_matter():
    expected = draw()
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path", "lines.linewidth": 9}):
        assert draw() == expected
        assert mpl.rcParams["font.size"] == 30


@pytest.mark.parametrize("shorthand", ["font: 10px 'DejaVu Sans', sans-serif; fill", "font: bold 10px Arial; fill"])
def test_the_shorthand_of_older_matplotlib_is_understood(shorthand, monkeypatch):
    with page_style():
        figure, _ = new_axes(4, 3)
    monkeypatch.setattr(
        figure, "savefig", lambda buffer, **_: buffer.write(f'<svg width="1">\n<text style="{shorthand}: red"/></svg>')
    )
    size = "bold 10px" if "bold" in shorthand else "10px"
    assert f'style="font: {size} var(--sans); fill: red"' in to_svg(figure, name="x", description="")


def test_control_characters_in_a_description_are_shown_and_do_nothing():
    assert "\x1b" not in draw(description="\x1b]0;x\x07")

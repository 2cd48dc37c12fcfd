"""The documentation says what is so: links lead somewhere, generated pages are current, Python snippets run."""

import re
import runpy
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path):
    links = re.findall(r"\]\(([^)#:]*)#([^)]*)\)", page.read_text(encoding="utf-8"))
    assert [
        f"{target}#{anchor}"
        for target, anchor in links
        if anchor not in anchors(page.parent / target if target else page)
    ] == []


def test_every_loss_has_an_entry_in_the_reference():
    import medsize.losses

    headings = re.findall(r"^### (.*)$", (ROOT / "docs/reference/losses.md").read_text(encoding="utf-8"), re.MULTILINE)
    losses = {name for name in medsize.losses.__all__ if name.endswith("Loss")} | {"MeanField"}
    assert losses - {word for heading in headings for word in heading.split()} == set()


def test_the_python_of_the_reference_and_the_readme_runs():
    given = {
        "README.md": {
            "network": torch.nn.Conv2d(1, 2, 3, padding=1),
            "image": torch.zeros(2, 1, 8, 8),
            "seeds": torch.full((2, 8, 8), 255),
            "sizes": torch.tensor([[0.9, 0.1], [0.8, 0.2]]),
        },
        "docs/reference/losses.md": {},
    }
    for page, names in given.items():
        for program in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
            exec(compile(program, page, "exec"), dict(names))


def test_the_configuration_page_is_what_the_models_say():
    written = runpy.run_path(str(ROOT / "docs" / "write_configuration.py"))
    assert (ROOT / "docs" / "reference" / "configuration.md").read_text(encoding="utf-8") == written["page"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_option_and_preset_in_a_command_exists(page: Path):
    from typer.main import get_command

    from medsize.cli.app import app

    commands = get_command(app)
    for line in re.findall(r"medsize ((?:[a-z-]+ ?)+[^`\n]*)", page.read_text(encoding="utf-8")):
        words = line.split()
        command = commands
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {
            "--help",
            "--debug",
            "--version",
        }
        used = {word.split("=")[0].rstrip(".,;:)*") for word in words if re.match(r"--?[a-z]", word)}
        assert used <= known, f"medsize {line}"

"""The documentation says what is so: links lead somewhere, generated pages are current, Python snippets run."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


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

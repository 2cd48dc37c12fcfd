"""The page in a real browser: Debian's chromium, driven by playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from medsize.annotation import AnswerStore
from medsize.annotation.convert import read_annotations, write_seed_files, write_table
from medsize.run_folder import RunFolder
from tests.annotation.served import served
from tests.conftest import tiny_run_config

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    names = (os.environ.get("MEDSIZE_TEST_BROWSER", ""), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no chromium: apt-get install chromium, or set MEDSIZE_TEST_BROWSER to one")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser") -> "Iterator[Page]":
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def start(page: "Page", address: str, name: str = "Anna") -> None:
    page.goto(address)
    page.fill("#name", name)
    page.keyboard.press("Enter")
    done(page, 0)


def done(page: "Page", number: int) -> None:
    """Wait until so many are answered and the next image is there."""
    page.wait_for_function(
        "number => document.querySelector('#count').textContent.startsWith(`${number} of`) &&"
        " document.querySelector('#question').ariaBusy === 'false'",
        arg=number,
    )


def at(page: "Page", across: float, down: float) -> tuple[float, float]:
    """A place on the image, by its share of the width and the height."""
    box = page.locator("#box").bounding_box()
    assert box is not None
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def drag(page: "Page", *places: tuple[float, float], button: str = "left") -> None:
    page.mouse.move(*places[0])
    page.mouse.down(button=button)
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up(button=button)


def test_five_slices_by_mouse_and_keyboard_a_reload_and_a_training(
    page: "Page", tiny_acdc: Path, tiny_cache: Path, tmp_path: Path
):
    folder = tmp_path / "annotations"
    visited: list[str] = []
    page.on("request", lambda request: visited.append(request.url))
    with served(tiny_acdc, "-o", folder, log=tmp_path / "log") as (address, _):
        start(page, address)

        page.mouse.click(*at(page, 0.5, 0.4))  # a whole cell, half of another, and one filled and emptied again
        page.keyboard.down("Shift")
        page.mouse.click(*at(page, 0.5, 0.6))
        page.keyboard.up("Shift")
        page.mouse.click(*at(page, 0.1, 0.1))
        page.mouse.click(*at(page, 0.1, 0.1))
        assert page.input_value("#size") == "1.5"
        assert page.text_content("#readout").startswith("7.5 % of the image")
        page.click("#save")
        done(page, 1)

        page.keyboard.type("2 1/35")
        page.keyboard.press("Backspace")
        page.keyboard.press("g")
        page.keyboard.press("Enter")
        done(page, 2)

        page.keyboard.press("g")
        page.keyboard.type("2,5")
        page.keyboard.press("s")
        drag(page, at(page, 0.45, 0.5), at(page, 0.55, 0.5))
        page.keyboard.press("b")
        page.mouse.click(*at(page, 0.1, 0.1))
        page.mouse.click(*at(page, 0.9, 0.9))
        page.keyboard.press("u")
        page.keyboard.press("Enter")
        done(page, 3)

        page.reload()
        done(page, 3)
        page.keyboard.type("0")
        page.keyboard.press("Enter")
        done(page, 4)

        before = page.evaluate("document.querySelector('#canvas').toDataURL()")
        drag(page, at(page, 0.3, 0.3), at(page, 0.5, 0.6))  # window and level
        assert page.evaluate("document.querySelector('#canvas').toDataURL()") != before
        page.mouse.wheel(0, -100)
        page.mouse.wheel(0, 100)
        page.keyboard.press("z")
        page.keyboard.press("f")
        page.fill("#note", "blurred")
        page.keyboard.press("Escape")
        page.keyboard.type("1-2")
        page.keyboard.press("Enter")
        done(page, 5)

    assert all(url.startswith(address) for url in visited)
    answers = AnswerStore(folder / "answers").answers("Anna")
    third = 2 + 1 / 3
    assert [(a.value, a.low, a.high, a.unit) for a in answers] == [
        (1.5, None, None, "cells 5x4"),
        (pytest.approx(third), None, None, "cells 3x3"),
        (2.5, None, None, "percent"),
        (0, None, None, "cells 5x4"),
        (None, 1, 2, "cells 5x4"),
    ]
    assert [[(s.structure, len(s.points) > 1) for s in a.seeds] for a in answers] == [
        [], [], [("lv", True), ("background", False)], [], [],
    ]  # fmt: skip
    assert answers[4].note == "blurred"
    assert all(0 < a.seconds < 60 for a in answers)

    annotations = read_annotations(folder)
    assert write_table(annotations, tmp_path / "sizes.csv") == 5
    assert write_seed_files(annotations, tmp_path / "seeds") == (20, 1)
    config = tiny_run_config(
        tiny_acdc,
        tiny_cache,
        f"supervision.sizes={{kind: table, path: {tmp_path / 'sizes.csv'}}}",
        f"supervision.seeds={{kind: scribble, folder: {tmp_path / 'seeds'}, unlabelled: 255}}",
        "training.epochs=1",
    )
    run = train(config, tmp_path / "run")
    given = pd.read_csv(run.size_targets).query("structure == 'lv'").dropna(subset=["given_fraction"])
    in_training = set(pd.read_csv(run.cases).query("split == 'train'")["case"])
    assert set(zip(given["case"], given["slice"], strict=True)) == {
        (a.case, a.slice) for a in answers if a.case in in_training and a.value is not None
    }
    assert (run.path / "checkpoints" / "last").is_dir()


def train(config: object, folder: Path) -> RunFolder:
    from medsize.training import start_run

    return start_run(config, folder)


def test_practice_tells_how_far_off_one_was(page: "Page", tiny_acdc: Path, tmp_path: Path):
    patient = shutil.copytree(tiny_acdc / "training" / "patient001", tmp_path / "patient001")
    options = ("-o", tmp_path / "a", "--level", "volume", "--practice")
    with served(patient, *options, log=tmp_path / "log") as (address, process):
        start(page, address)
        assert "practice" in page.text_content("#who")
        page.keyboard.press("ArrowUp")
        assert "slice 3 of 3" in page.text_content("#where")
        page.keyboard.type("5")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Measured:")
        assert " mL." in page.text_content("#message")
        assert "% too" in page.text_content("#message")
        page.keyboard.press("Enter")
        done(page, 1)
        page.keyboard.type("3")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Measured:")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=That was the practice.")
        assert "s an image, over 2 images" in page.text_content("#message")

        page.goto("about:blank")
        page.goto(address)  # the rater is still known to this tab
        page.wait_for_selector("text=That was the practice.")
        process.kill()


def test_nothing_goes_on_while_an_answer_is_not_saved(page: "Page", tiny_acdc: Path, tmp_path: Path):
    with served(tiny_acdc, "-o", tmp_path / "a", log=tmp_path / "log") as (address, process):
        start(page, address)
        page.keyboard.press("Enter")
        page.wait_for_selector("text=No size yet")
        page.keyboard.type("21")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=larger than the image")
        where = page.text_content("#where")
        process.kill()
        process.wait()
        page.keyboard.press("Backspace")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=The server does not answer")
        assert (page.text_content("#where"), page.input_value("#size")) == (where, "2")

        texts = {
            "3": 3, ".5": 0.5, "0.25": 0.25, "2,5": 2.5, "1/3": 1 / 3, "2 1/2": 2.5, "0": 0, " 7 ": 7, "1.5/2": 0.75,
            "": None, ".": None, "2 5": None, "1/0": None, "1/": None, "a": None, "1-2-3": None, "3-2": None,
        }  # fmt: skip
        read = page.evaluate(
            "async texts => { const { readSize } = await import('./size_text.js');"
            " return texts.map((text) => readSize(text)?.value ?? null); }",
            list(texts),
        )
        assert dict(zip(texts, read, strict=True)) == texts

        seconds = page.evaluate("""async () => {
            const { Clock } = await import('./clock.js');
            const hide = (hidden) => {
                Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
                document.dispatchEvent(new Event('visibilitychange'));
            };
            const wait = (ms) => new Promise((done) => setTimeout(done, ms));
            const clock = new Clock();
            clock.start(10);
            await wait(50); hide(true); await wait(400); hide(false); await wait(50);
            return clock.stop();
        }""")
        assert 10.09 < seconds < 10.35  # the hidden 0.4 s are not in it


def test_an_image_that_cannot_be_read_is_said_and_passed_over(page: "Page", tiny_acdc: Path, tmp_path: Path):
    images = sorted(tiny_acdc.glob("training/patient00[12]/*_frame01.nii.gz"))
    whole, torn = (tmp_path / image.name for image in images)
    whole.write_bytes(images[0].read_bytes())
    torn.write_bytes(images[1].read_bytes()[:-2000])
    (tmp_path / "cases.csv").write_text(f"case,image\na,{whole}\nb,{torn}\n")
    options = ("-o", tmp_path / "a", "--structure", "heart", "--level", "volume")
    with served(tmp_path / "cases.csv", *options, log=tmp_path / "log") as (address, _):
        page.goto(address)
        page.fill("#name", "Anna")
        page.keyboard.press("Enter")
        page.wait_for_selector("#question[aria-busy=false], #message.error:not(:empty)")
        if page.is_visible("text=cannot be read"):  # the order of the two is random
            page.click("text=Go on")
        done(page, 0)
        page.keyboard.type("3")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=1 of 2 done")
        page.wait_for_selector("text=cannot be read")
        page.keyboard.press("p")
        done(page, 1)
        assert page.input_value("#size") == "3"
    (answer,) = AnswerStore(tmp_path / "a" / "answers").answers("Anna")
    assert (answer.case, answer.value, answer.unit) == ("a", 3, "ml")

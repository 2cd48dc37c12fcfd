"""The page's server: the static files, the slices, and the answers."""

import shlex
import unicodedata
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import AfterValidator, Field, ValidationError
from starlette.types import ASGIApp

from medsize.annotation.answers import BACKGROUND, WHOLE, Answer, Stroke, Unit, rater_name
from medsize.annotation.display import Picture, picture_of
from medsize.annotation.guard import Guard
from medsize.annotation.practice import Practice
from medsize.annotation.session import Item, Session
from medsize.config.model import Model
from medsize.data.volumes import read_volume
from medsize.errors import InputError
from medsize.text import printable

_PAGE: Final = Path(__file__).parent / "page"
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_CLICK: Final = 1.5
"""Radius of a click in voxels; larger in images of more than 256 pixels, so that it survives their reduction."""


class GivenStroke(Model):
    """A seed as the page sends it: screen positions (across, down) in pixels of the image."""

    structure: Annotated[str, Field(max_length=200)]
    slice: int
    points: tuple[tuple[float, float], ...]


def _plain(text: str) -> str:
    """Return a text without characters that act on a terminal or in a table, or refuse it."""
    acting = [letter for letter in text if unicodedata.category(letter) == "Cc" and letter not in "\n\t"]
    if acting:
        raise ValueError(f"has the control character {printable(acting[0])}")
    return text


_Text = Annotated[str, Field(max_length=200), AfterValidator(_plain)]


class GivenAnswer(Model):
    """An answer as the page sends it; the fields are those of ``Answer``."""

    id: _Text
    rater: _Text
    item: int
    structure: _Text
    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: Unit
    seconds: float = Field(ge=0, le=1e6)
    seeds: tuple[GivenStroke, ...] = Field(default=(), max_length=500)
    note: Annotated[str, Field(max_length=500), AfterValidator(_plain)] = ""


def create_app(session: Session, *, token: str, hosts: Collection[str]) -> ASGIApp:
    """Make the server of a session.

    Args:
        session: What is annotated.
        token: The first part of every path; requests without it are refused.
        hosts: What the Host header may say, with the port; other requests are refused.

    Returns:
        An ASGI application.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)  # the documentation pages load from elsewhere
    desk = _Desk(session)

    @app.exception_handler(InputError)
    def explain(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"error": printable(str(error))}, status_code=422)

    @app.exception_handler(RequestValidationError)
    def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        # without what was sent, which JSON need not be able to say back: NaN, half characters, megabytes
        return JSONResponse({"error": f"the request cannot be used: {_first(error.errors())}"}, status_code=422)

    for path in sorted(_PAGE.iterdir()):
        app.get("/" if path.name == "index.html" else f"/{path.name}")(_file(path))
    app.get("/api/session")(desk.session)
    app.get("/api/progress")(desk.progress)
    app.get("/api/items/{number}")(desk.item)
    app.get("/api/items/{number}/slices/{plane}")(desk.plane)
    app.post("/api/answers")(desk.answer)
    if session.practice:
        app.get("/api/practice")(desk.practice)
    return Guard(app, token=token, hosts=hosts)


def _first(errors: Sequence[Any]) -> str:
    where = ".".join(str(part)[:40] for part in errors[0]["loc"] if part != "body")
    return printable(f"{where} {errors[0]['msg'][:200]}".strip())


def _file(path: Path) -> Any:
    def send() -> FileResponse:
        return FileResponse(path, media_type=_TYPES[path.suffix])

    return send


Rater = Annotated[str, Query(max_length=200)]


class _Desk:
    """What the page asks for."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._practice = Practice(session) if session.practice else None
        self._picture = lru_cache(maxsize=4)(self._read)

    def session(self) -> dict[str, Any]:
        """What is asked, and who has answered so far."""
        session = self._session
        return {
            "level": session.level,
            "structures": session.structures,
            "background": BACKGROUND,
            "practice": session.practice,
            "items": len(session.items),
            "folder": shlex.quote(str(session.folder)),
            "raters": session.store.raters(),
        }

    def progress(self, rater: Rater, after: int = -1) -> dict[str, Any]:
        """How many things a rater is done with, and the next one that they are not done with, if any."""
        answered = self._session.store.latest(rater_name(rater)).keys()
        todo = [number for number, item in enumerate(self._session.items) if not self._is_done(item, answered)]
        later = [number for number in todo if number > after] or todo
        return {"done": len(self._session.items) - len(todo), "next": later[0] if later else None}

    def item(self, number: int, rater: Rater) -> dict[str, Any]:
        """One thing to look at, with what the rater said about it before."""
        item = self._item(number)
        picture = self._picture(item.case)
        width, height, depth = picture.greys.shape
        columns, rows = (width, height) if picture.layout.across_axis == 0 else (height, width)
        latest = self._session.store.latest(rater_name(rater))
        return {
            "case": item.case,
            "slice": item.slice,
            "slices": depth,
            "columns": columns,
            "rows": rows,
            "pixel_mm": picture.pixel_mm,
            "voxel_ml": picture.voxel_ml,
            "window": picture.window,
            "seed_radius": _seed_radius(picture),
            "answers": {
                structure: _shown(answer, picture)
                for structure in self._session.structures
                if (answer := latest.get((item.case, item.slice, structure)))
            },
        }

    def plane(self, number: int, plane: int) -> Response:
        """The grey values of a slice, 16 bits a pixel, line by line."""
        picture = self._picture(self._item(number).case)
        if not 0 <= plane < picture.greys.shape[2]:
            raise HTTPException(404, "no such slice")
        return Response(picture.plane(plane), media_type="application/octet-stream")

    def answer(self, given: GivenAnswer) -> dict[str, Any]:
        """Keep an answer; when this returns, it is on disk."""
        item = self._item(given.item)
        answer = self._checked(given, item)
        self._session.store.append(answer)
        progress = self.progress(answer.rater, given.item)
        return progress | {"feedback": self._practice.feedback(answer) if self._practice else None}

    def practice(self, rater: Rater) -> dict[str, Any]:
        """How far off a rater was, and how fast."""
        assert self._practice is not None, "the route exists in practice alone"
        asked = {(i.case, i.slice, structure) for i in self._session.items for structure in self._session.structures}
        first: dict[tuple[str, int | None, str], Answer] = {}
        for answer in self._session.store.answers(rater_name(rater)):
            if answer.key in asked:  # others are of an earlier session
                first.setdefault(answer.key, answer)  # the second was given knowing the truth
        return self._practice.summary(list(first.values()))

    def _is_done(self, item: Item, answered: Collection[tuple[str, int | None, str]]) -> bool:
        return all((item.case, item.slice, structure) in answered for structure in self._session.structures)

    def _item(self, number: int) -> Item:
        if not 0 <= number < len(self._session.items):
            raise HTTPException(404, "no such image")
        return self._session.items[number]

    def _read(self, case: str) -> Picture:
        return picture_of(read_volume(self._session.cases[case].image))

    def _checked(self, given: GivenAnswer, item: Item) -> Answer:
        picture = self._picture(item.case)
        if given.structure not in self._session.structures:
            raise InputError("unknown structure", found=given.structure)
        whole = picture.greys.size * picture.voxel_ml if item.slice is None else WHOLE.get(given.unit)
        if whole is None or (given.unit == "ml") != (item.slice is None):
            about = "whole cases" if item.slice is None else "slices"
            raise InputError(f"the unit is not one of {about}", found=given.unit)
        for number in (given.value, given.low, given.high):
            if number is not None and not 0 <= number <= whole * (1 + 1e-9):
                raise InputError("the size is larger than the image", expected=f"0 to {whole:g}", found=f"{number:g}")
        try:
            return Answer(
                **given.model_dump(exclude={"rater", "item", "seeds"}),
                rater=rater_name(given.rater),
                case=item.case,
                slice=item.slice,
                seeds=tuple(self._stroke(stroke, item, picture) for stroke in given.seeds),
                time=datetime.now(UTC),
            )
        except ValidationError as error:
            raise InputError(f"the answer cannot be used: {_first(error.errors())}") from error

    def _stroke(self, given: GivenStroke, item: Item, picture: Picture) -> Stroke:
        width, height, depth = picture.greys.shape
        points = tuple(picture.layout.to_voxel(*point) for point in given.points)
        if given.structure not in (*self._session.structures, BACKGROUND):
            raise InputError("a seed of an unknown structure", found=given.structure)
        if not 0 <= given.slice < depth or item.slice not in (None, given.slice):
            raise InputError("a seed on another slice", found=str(given.slice))
        if not all(-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5 for x, y in points):
            raise InputError("a seed outside the image")
        return Stroke(structure=given.structure, slice=given.slice, points=points, radius=_seed_radius(picture))


def _seed_radius(picture: Picture) -> float:
    longest = int(max(picture.greys.shape[:2]))
    return _CLICK * max(1.0, longest / 256)


def _shown(answer: Answer, picture: Picture) -> dict[str, Any]:
    strokes = [
        {
            "structure": stroke.structure,
            "slice": stroke.slice,
            "points": [picture.layout.to_screen(*point) for point in stroke.points],
        }
        for stroke in answer.seeds
    ]
    return answer.model_dump(include={"value", "low", "high", "unit", "note"}) | {"seeds": strokes}

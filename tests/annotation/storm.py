"""Clients that answer all at once while the server is killed again and again: is anything lost or doubled?

The whole of it takes a minute: python -m tests.annotation.storm FOLDER_OF_DATA 2000 10
"""

import json
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from medsize.annotation import AnswerStore
from tests.annotation.conftest import sent
from tests.annotation.served import served

CLIENTS = 4


@dataclass
class Storm:
    """What four clients saw.

    Attributes:
        acknowledged: Ids of the answers that the server said it has kept.
        kept: Ids on disk, in the order of the files.
        retried: How often an answer was sent again.
        kills: How often the server was killed.
    """

    acknowledged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    retried: int = 0
    kills: int = 0


def storm(data: Path, folder: Path, *, answers: int, kills: int) -> Storm:
    """Let four clients, two a rater, post so many answers in all, over so many ends of the server."""
    seen = Storm()
    address: list[str] = []  # of the server that is running, if any
    lock = threading.Lock()

    def client(number: int) -> None:
        for own in range(number, answers, CLIENTS):
            answer = sent(own, rater=("Anna", "Ben")[number % 2], item=own % 60, value=own % 20)
            while not post(answer):
                seen.retried += 1
                time.sleep(0.02)
            with lock:
                seen.acknowledged.append(answer["id"])

    def post(answer: dict[str, object]) -> bool:
        if not address:
            return False
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address[-1]}api/answers", json.dumps(answer).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        except OSError:
            return False  # it was killed

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(client, number) for number in range(CLIENTS)]
        while not all(one.done() for one in clients):
            with served(data, "-o", folder, log=folder.parent / "log") as (found, process):
                address.append(found)
                enough = answers * (seen.kills + 1) // (kills + 1)
                while not all(one.done() for one in clients) and (
                    seen.kills >= kills or len(seen.acknowledged) < enough
                ):
                    time.sleep(0.002)
                process.kill()
                seen.kills += 1
                address.clear()
        for one in clients:
            one.result()
    store = AnswerStore(folder / "answers")
    seen.kept = [answer.id for rater in store.raters() for answer in store.answers(rater)]
    return seen


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        begun = time.monotonic()
        result = storm(
            Path(sys.argv[1]), Path(temporary) / "annotations", answers=int(sys.argv[2]), kills=int(sys.argv[3])
        )
        lost = set(result.acknowledged) - set(result.kept)
        doubled = len(result.kept) - len(set(result.kept))
        sys.stdout.write(
            f"{len(result.acknowledged)} acknowledged, {result.kills} kills, {result.retried} sent again, "
            f"{len(lost)} lost, {doubled} doubled, {time.monotonic() - begun:.0f} s\n"
        )

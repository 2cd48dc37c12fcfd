"""Sizes and seeds from people: a page in the browser of this machine, and what becomes of the answers."""

from medsize.annotation.answers import Answer, AnswerStore, Stroke
from medsize.annotation.convert import read_annotations, write_seed_files, write_table
from medsize.annotation.session import Item, Session, open_session

__all__ = [
    "Answer",
    "AnswerStore",
    "Item",
    "Session",
    "Stroke",
    "open_session",
    "read_annotations",
    "write_seed_files",
    "write_table",
]

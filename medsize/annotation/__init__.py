"""Sizes and seeds from people: a page in the browser of this machine, and what becomes of the answers."""

from medsize.annotation.answers import Answer, AnswerStore, Stroke
from medsize.annotation.session import Item, Session, open_session

__all__ = ["Answer", "AnswerStore", "Item", "Session", "Stroke", "open_session"]

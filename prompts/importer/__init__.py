"""The code import: code that calls a provider directly becomes code that calls it through the proxy.

Pure: no Django, network or clock; nothing of the code is kept.
"""

from prompts.importer.difference import Row, side_by_side
from prompts.importer.outcome import MOST_CHARACTERS, Caution, Change, Language, Left, Refusal, Result, Target
from prompts.importer.rewriting import rewrite

__all__ = [
    "MOST_CHARACTERS",
    "Caution",
    "Change",
    "Language",
    "Left",
    "Refusal",
    "Result",
    "Row",
    "Target",
    "rewrite",
    "side_by_side",
]

"""A member more in a JSON body that stands in a word of the shell."""

from prompts.importer.layout import Layout
from prompts.importer.notes import Notes
from prompts.importer.shell.words import Word, quoted_for
from prompts.importer.syntax import SyntaxFault, parse
from prompts.importer.text import Edits, Source
from prompts.importer.writing import JSON


def add_member(word: Word, notes: Notes) -> bool:
    """Put the labels into the object; False where the word is no JSON object, or where it cannot take them."""
    text, places = word.text or "", word.places
    try:
        root = parse(text, "json").root
    except SyntaxFault:
        return False
    if [node.kind for node in root.named] != ["object"]:
        return False
    (mapping,) = root.named
    source, edits = Source(text, "  "), Edits()
    source.newline = notes.source.newline
    member = JSON.pair("_aipromptcost", notes.target.metadata)
    is_on_one_line = source.line(mapping.start) == source.line(mapping.end)
    Layout(source, edits, last_comma="").add(mapping, [member], stays_on_line=is_on_one_line)
    if any(not quote for start, end, _ in edits.made for _, quote in places[start : end + 1]):
        return False
    for start, end, new in edits.made:
        place, quote = places[start]
        after = places[end][0] if end < len(places) else places[-1][0] + 1
        notes.edits.replace(place, max(after, place), quoted_for(quote, new))
    return True

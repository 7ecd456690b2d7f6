"""The quantities of a usage, and the columns that hold them in records, roll-ups and reports. Pure."""

from collections.abc import Mapping

import msgspec

from analytics.usage import TokenUsage

_NOT_TOKENS = {"web_searches", "file_searches", "characters", "audio_ms"}

# By the field of `TokenUsage`, in the order of these.
COLUMNS: Mapping[str, str] = {
    field.name: field.name if field.name in _NOT_TOKENS else f"{field.name}_tokens"
    for field in msgspec.structs.fields(TokenUsage)
    if field.type is int
}
QUANTITY_COLUMNS = tuple(COLUMNS.values())

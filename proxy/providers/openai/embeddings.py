"""Embeddings (API reference, "Create embeddings")."""

from proxy.providers.base import Asked, Reading, Route, generic, label, members_of, text_in
from proxy.providers.openai import errors
from proxy.providers.openai.usage import read_embedding_usage


def read_answer(route: Route, body: bytes, asked: Asked) -> Reading:
    reading = Reading()
    reading.is_finished = True
    members = members_of(body)
    if members is None:
        return reading
    errors.note(members, reading)
    reading.model = label(text_in(members, "model"), 128)
    usage = generic(members.get("usage"))
    if isinstance(usage, dict):
        reading.usage = read_embedding_usage(usage)
        reading.is_usage_complete = True
    return reading

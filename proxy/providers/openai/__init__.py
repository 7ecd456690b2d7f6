"""OpenAI's side of the proxied call."""

from proxy.providers.openai.provider import OpenAI

__all__ = ["OpenAI"]

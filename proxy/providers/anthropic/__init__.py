"""Anthropic's side of the proxied call."""

from proxy.providers.anthropic.provider import Anthropic

__all__ = ["Anthropic"]

"""Anthropic's side. Reading order: wire (headers, errors, events), messages, batches, others, routes.

Written from Anthropic's API reference and the types of its official SDK. Knows no sockets.
"""

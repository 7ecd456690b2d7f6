"""OpenAI's side. Reading order: wire (headers, errors, events), then a module for each group of routes, then routes.

Written from OpenAI's API reference and the types of its official SDK. Knows no sockets.
"""

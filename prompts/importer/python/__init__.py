"""Python: its names and expressions, and how SDK clients, their calls and plain HTTP requests are rewritten in it."""

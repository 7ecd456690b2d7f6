"""JavaScript and TypeScript: their names and expressions, and how clients, calls and requests are rewritten in them."""

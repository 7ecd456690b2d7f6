"""Code that sends a request through the proxy, ready to run, for every language. Pure: no Django, network or clock.

`sample` says what is to be asked, `literals` writes values in a language, `languages` holds the snippets themselves.
"""

from prompts.snippets.languages import KINDS, Kind, kinds_for, render
from prompts.snippets.sample import KEY_PLACEHOLDER, Sample

__all__ = ["KEY_PLACEHOLDER", "KINDS", "Kind", "Sample", "kinds_for", "render"]

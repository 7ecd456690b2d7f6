"""The providers that the proxy knows. A new one is a package beside these, one line here, its tests and its
documentation page.
"""

from proxy.providers.anthropic import Anthropic
from proxy.providers.base import Provider
from proxy.providers.openai import OpenAI

_ALL: tuple[Provider, ...] = (OpenAI(), Anthropic())
PROVIDERS = {provider.name: provider for provider in _ALL}

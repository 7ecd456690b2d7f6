"""What the providers are called in pages. In addresses, files and the API they go by their ids."""

PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic"}


def name_of(provider: str) -> str:
    """An unknown one goes by its id."""
    return PROVIDERS.get(provider, provider)

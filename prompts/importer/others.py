"""Packages for other providers, and packages that make clients of their own: left alone, and named."""

from collections.abc import Iterator

from prompts.importer.draft import Draft
from prompts.importer.scopes import Binding

_PROVIDERS = {
    "google.generativeai": "Google",
    "google.genai": "Google",
    "vertexai": "Google Vertex AI",
    "@google/generative-ai": "Google",
    "@google/genai": "Google",
    "@google-cloud/vertexai": "Google Vertex AI",
    "mistralai": "Mistral",
    "@mistralai/mistralai": "Mistral",
    "cohere": "Cohere",
    "cohere-ai": "Cohere",
    "groq": "Groq",
    "groq-sdk": "Groq",
    "together": "Together AI",
    "together-ai": "Together AI",
    "ollama": "Ollama",
    "replicate": "Replicate",
    "huggingface_hub": "Hugging Face",
    "@huggingface/inference": "Hugging Face",
    "@aws-sdk/client-bedrock-runtime": "Amazon Bedrock",
    "@azure/openai": "Azure OpenAI",
    "azure.ai.inference": "Azure AI",
    "@ai-sdk/azure": "Azure OpenAI",
    "@ai-sdk/google": "Google",
    "@ai-sdk/google-vertex": "Google Vertex AI",
    "@ai-sdk/mistral": "Mistral",
    "@ai-sdk/amazon-bedrock": "Amazon Bedrock",
    "@ai-sdk/groq": "Groq",
    "@ai-sdk/cohere": "Cohere",
    "@ai-sdk/xai": "xAI",
    "@ai-sdk/deepseek": "DeepSeek",
    "@ai-sdk/openai-compatible": "A provider that speaks as OpenAI does",
}
_SOCKETS = ("openai/realtime", "openai/beta/realtime", "openai/responses/ws")
_FRAMEWORKS = {
    "langchain_openai": "LangChain",
    "langchain_anthropic": "LangChain",
    "langchain.chat_models": "LangChain",
    "langchain.llms": "LangChain",
    "@langchain/openai": "LangChain",
    "@langchain/anthropic": "LangChain",
    "llama_index": "LlamaIndex",
    "llamaindex": "LlamaIndex",
    "litellm": "LiteLLM",
    "pydantic_ai": "Pydantic AI",
    "dspy": "DSPy",
    "crewai": "CrewAI",
    "semantic_kernel": "Semantic Kernel",
}


def name_others(draft: Draft) -> None:
    """Say what is imported for other providers, once each."""
    named: set[str] = set()
    for binding in _imports(draft):
        modules = list(_beginnings(binding))
        provider = next((_PROVIDERS[one] for one in modules if one in _PROVIDERS), "")
        if modules[-1] == "boto3" and "bedrock" in draft.source.text:
            provider = "Amazon Bedrock"
        framework = next((_FRAMEWORKS[one] for one in modules if one in _FRAMEWORKS), "")
        if binding.origin[0].startswith(_SOCKETS):
            draft.leave(binding.node, "OpenAI over a WebSocket", "The proxy takes no WebSockets.")
        name = provider or framework
        if not name or name in named:
            continue
        named.add(name)
        if provider:
            why = "The proxy serves OpenAI and Anthropic. What is sent to others stays as it is."
        else:
            why = (
                "It makes clients of its own. Give them the address "
                f"{draft.target.base_url('openai')} (or …/anthropic), your platform key as their key, and your own key "
                "as the header X-Provider-Key."
            )
        draft.leave(binding.node, name, why)


def is_known(module: str) -> bool:
    """Whether it is one of the packages that are named here."""
    parts = module.split(".")
    beginnings = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return bool(beginnings & (_PROVIDERS.keys() | _FRAMEWORKS.keys() | {"boto3"}))


def _imports(draft: Draft) -> Iterator[Binding]:
    scopes = dict.fromkeys(draft.reading.names.scopes.values())
    found = [one for scope in scopes for bindings in scope.names.values() for one in bindings if one.kind == "import"]
    return iter(sorted(found, key=lambda one: one.node.start))


def _beginnings(binding: Binding) -> Iterator[str]:
    """`google.genai.types`, `google.genai`, `google`; a slash does not divide the name of a package."""
    module, member = binding.origin
    parts = module.split(".")
    if member and "/" not in module:
        parts.append(member)
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])

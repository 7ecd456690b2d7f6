"""curl, for any POSIX shell."""

from prompts.snippets import literals
from prompts.snippets.sample import KEY_VARIABLE, Sample


def curl(sample: Sample) -> str:
    # Between double quotes the shell puts the variables' values in.
    own, provider = sample.platform_key, sample.provider_key
    if sample.reads_environment:
        own, provider = f"${KEY_VARIABLE}", f"${sample.provider_variable}"
    headers = {"Authorization": f"Bearer {own}", "X-Provider-Key": provider, "Content-Type": "application/json"}
    command = "curl -N" if sample.stream else "curl"  # -N: print what comes as it comes
    lines = [f"{command} {literals.shell(sample.url) if _needs_quotes(sample.url) else sample.url}"]
    lines += [f'  -H "{name}: {value}"' for name, value in headers.items()]
    lines.append(f"  -d {literals.shell(literals.json_text(sample.body, 0))}")
    return " \\\n".join(lines)


def _needs_quotes(url: str) -> bool:
    return any(character in url for character in "&?;*[]()$'\"\\ ")

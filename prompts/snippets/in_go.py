"""Go: net/http, laid out as gofmt does. The body is JSON in a raw string, so that it reads as it is sent."""

from prompts.snippets import literals
from prompts.snippets.sample import KEY_VARIABLE, Sample

_CHECK = "if err != nil {\n\t\tlog.Fatal(err)\n\t}"
_ANSWERS = {
    "openai": """	var answer struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.Choices[0].Message.Content)""",
    "anthropic": """	var answer struct {
		Content []struct{ Type, Text string }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		log.Fatal(err)
	}
	for _, part := range answer.Content {
		fmt.Print(part.Text)
	}
	fmt.Println()""",
}
_EVENTS = {
    "openai": """			Choices []struct {
				Delta struct{ Content string }
			}""",
    "anthropic": "			Delta struct{ Text string }",
}
_PIECES = {
    "openai": """		for _, choice := range event.Choices {
			fmt.Print(choice.Delta.Content)
		}""",
    "anthropic": "		fmt.Print(event.Delta.Text)",
}


def net_http(sample: Sample) -> str:
    imports = ["encoding/json", "fmt", "io", "log", "net/http", "strings"]
    imports += ["bufio"] if sample.stream else []
    imports += ["os"] if sample.reads_environment else []
    listed = "\n".join(f'\t"{name}"' for name in sorted(imports))
    own, provider = f'"Bearer {sample.platform_key}"', f'"{sample.provider_key}"'
    if sample.reads_environment:
        own, provider = f'"Bearer "+os.Getenv("{KEY_VARIABLE}")', f'os.Getenv("{sample.provider_variable}")'
    return f"""package main

import (
{listed}
)

const url = {literals.json_text(sample.url)}

const body = `{_raw(literals.json_text(sample.body))}`

func main() {{
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	{_CHECK}
	request.Header.Set("Authorization", {own})
	request.Header.Set("X-Provider-Key", {provider})
	request.Header.Set("Content-Type", "application/json")

	response, err := http.DefaultClient.Do(request)
	{_CHECK}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {{
		problem, _ := io.ReadAll(response.Body)
		log.Fatalf("%s: %s", response.Status, problem)
	}}
{_read_stream(sample.provider) if sample.stream else _ANSWERS[sample.provider]}
}}"""


def _raw(json_text: str) -> str:
    """A raw string ends at the first backtick: JSON's escape stands for it, which only texts can hold."""
    return json_text.replace("`", "\\u0060")


def _read_stream(provider: str) -> str:
    # gofmt sets the types of neighbouring fields below each other.
    error = "Error   *struct" if provider == "openai" else "Error *struct"
    return f"""	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {{
		data, isEvent := strings.CutPrefix(lines.Text(), "data: ")
		if !isEvent || data == "[DONE]" {{
			continue
		}}
		var event struct {{
			{error}{{ Message string }}
{_EVENTS[provider]}
		}}
		if err := json.Unmarshal([]byte(data), &event); err != nil {{
			log.Fatal(err)
		}}
		if event.Error != nil {{
			log.Fatal(event.Error.Message)
		}}
{_PIECES[provider]}
	}}
	if err := lines.Err(); err != nil {{
		log.Fatal(err)
	}}
	fmt.Println()"""

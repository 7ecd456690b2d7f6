"""Anthropic's routes (API reference; the paths are those of the official SDK): metered, free or neither."""

from proxy.providers.base import Route
from proxy.providers.routes import RouteTable

MESSAGES = "messages"
COMPLETE = "complete"
BATCHES = "messages/batches"
RESULTS = "messages/batches/{id}/results"

_POSTS = (
    Route(MESSAGES, "metered", reads="answer", required=("model", "messages"), is_json_only=True, is_simulated=True),
    Route(COMPLETE, "metered", reads="answer"),
    Route(BATCHES, "metered", reads="answer"),
)
_GETS = (Route(RESULTS, "free", reads="results"),)

# POSTs that cost nothing: objects kept, changed, cancelled, counted, checked.
_FREE = """
    messages/count_tokens messages/batches/{id}/cancel
    agents agents/{id} agents/{id}/archive
    deployments/{id} deployments/{id}/archive deployments/{id}/pause
    dreams/{id}/archive dreams/{id}/cancel
    environments environments/{id} environments/{id}/archive environments/{id}/work/{id}
    environments/{id}/work/{id}/ack environments/{id}/work/{id}/heartbeat environments/{id}/work/{id}/stop
    files
    memory_stores memory_stores/{id} memory_stores/{id}/archive memory_stores/{id}/memories
    memory_stores/{id}/memories/{id} memory_stores/{id}/memory_versions/{id}/redact
    organizations/*
    sessions/{id} sessions/{id}/archive sessions/{id}/resources sessions/{id}/resources/{id}
    sessions/{id}/threads/{id}/archive
    skills skills/{id} skills/{id}/versions
    tunnels tunnels/{id}/archive tunnels/{id}/certificates tunnels/{id}/certificates/{id}/archive
    tunnels/{id}/reveal_token tunnels/{id}/rotate_token
    user_profiles user_profiles/{id} user_profiles/{id}/action_urls user_profiles/{id}/enrollment_url
    vaults vaults/{id} vaults/{id}/archive vaults/{id}/credentials vaults/{id}/credentials/{id}
    vaults/{id}/credentials/{id}/archive vaults/{id}/credentials/{id}/mcp_oauth_validate
"""

# POSTs that set agents to work: what they use is told elsewhere.
_UNMETERED = """
    deployments deployments/{id}/run deployments/{id}/unpause
    dreams
    experimental/generate_prompt experimental/improve_prompt experimental/templatize_prompt
    sessions sessions/{id}/events
"""

# Only read back, listed and deleted.
_READ = """
    agents/{id}/versions
    deployment_runs deployment_runs/{id}
    dreams/{id}
    environments/{id}/work environments/{id}/work/poll environments/{id}/work/stats
    files/{id} files/{id}/content
    memory_stores/{id}/memory_versions memory_stores/{id}/memory_versions/{id}
    messages/batches/{id}
    models models/{id}
    sessions/{id}/events/stream sessions/{id}/threads sessions/{id}/threads/{id}
    sessions/{id}/threads/{id}/events sessions/{id}/threads/{id}/stream
    skills/{id}/versions/{id} skills/{id}/versions/{id}/content
    tunnels/{id} tunnels/{id}/certificates/{id}
"""

TABLE = RouteTable(posts=_POSTS, gets=_GETS, free=_FREE, unmetered=_UNMETERED, read=_READ)

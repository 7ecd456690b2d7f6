"""OpenAI's routes (API reference; the paths are those of the official SDK): metered, free or neither."""

from proxy.providers.base import Route
from proxy.providers.routes import RouteTable

CHAT = "chat/completions"
COMPLETIONS = "completions"
EMBEDDINGS = "embeddings"
RESPONSES = "responses"
COMPACT = "responses/compact"
DECISIONS = "decisions"
RESPONSE = "responses/{id}"
CANCEL_RESPONSE = "responses/{id}/cancel"
SPEECH = "audio/speech"
TRANSCRIPTIONS = "audio/transcriptions"
TRANSLATIONS = "audio/translations"
IMAGES = "images/generations"
IMAGE_EDITS = "images/edits"
IMAGE_VARIATIONS = "images/variations"
BATCHES = "batches"
BATCH = "batches/{id}"
CANCEL_BATCH = "batches/{id}/cancel"
FILE_CONTENT = "files/{id}/content"

_POSTS = (
    Route(
        CHAT,
        "metered",
        reads="answer",
        required=("model", "messages"),
        is_json_only=True,
        asks_for_usage=True,
        is_simulated=True,
    ),
    Route(COMPLETIONS, "metered", reads="answer", asks_for_usage=True),
    *(
        Route(name, "metered", reads="answer")
        for name in (
            EMBEDDINGS,
            RESPONSES,
            COMPACT,
            DECISIONS,
            TRANSCRIPTIONS,
            TRANSLATIONS,
            IMAGES,
            IMAGE_EDITS,
            IMAGE_VARIATIONS,
            BATCHES,
        )
    ),
    Route(SPEECH, "metered", reads="answer", is_billed_by_request=True),
    # What a background response or a batch has used is told when it is cancelled, too.
    Route(CANCEL_RESPONSE, "free", reads="answer"),
    Route(CANCEL_BATCH, "free", reads="answer"),
)
_GETS = (
    Route(RESPONSE, "free", reads="answer"),
    Route(BATCHES, "free", reads="answer"),
    Route(BATCH, "free", reads="answer"),
    Route(FILE_CONTENT, "free", reads="results"),
)

# POSTs that cost nothing: objects kept, changed, cancelled, counted, checked.
_FREE = """
    agents agents/{id} agents/automations/{id} agents/automations/{id}/pause agents/environments/templates
    agents/environments/templates/{id} agents/environments/{id}/files agents/sessions/{id}
    assistants assistants/{id}
    audio/voice_consents audio/voice_consents/{id}
    chat/completions/{id}
    chatkit/sessions/{id}/cancel
    containers/{id}/files
    conversations conversations/{id} conversations/{id}/items
    evals evals/{id} evals/{id}/runs/{id} evals/{id}/runs/{id}/cancel
    files
    fine_tuning/alpha/graders/validate fine_tuning/checkpoints/{id}/permissions
    fine_tuning/jobs/{id}/cancel fine_tuning/jobs/{id}/pause
    live/sessions/{id}/hangup live/sessions/{id}/refer live/sessions/{id}/reject
    moderations
    organization/* projects/*
    realtime/calls/{id}/hangup realtime/calls/{id}/refer realtime/calls/{id}/reject
    responses/input_tokens
    skills skills/{id} skills/{id}/versions
    threads threads/{id} threads/{id}/messages threads/{id}/messages/{id} threads/{id}/runs/{id}
    threads/{id}/runs/{id}/cancel
    uploads uploads/{id}/cancel uploads/{id}/complete uploads/{id}/parts
    vaults vaults/{id} vaults/{id}/credentials vaults/{id}/credentials/{id}
    vector_stores/{id} vector_stores/{id}/file_batches/{id}/cancel vector_stores/{id}/files/{id}
    webhook_endpoints webhook_endpoints/{id} webhook_endpoints/{id}/rotate_secret webhook_endpoints/{id}/test
"""

# POSTs that cost something, or may, without an answer that says how much: what is made is told of elsewhere or sold by
# time, by size or by the piece.
_UNMETERED = """
    agents/automations agents/automations/{id}/invocations agents/automations/{id}/resume agents/environments
    agents/sessions agents/sessions/{id}/events
    audio/voices
    chatkit/sessions
    containers
    content_provenance_checks
    evals/{id}/runs
    fine_tuning/alpha/graders/run fine_tuning/jobs fine_tuning/jobs/{id}/resume
    live/sessions live/sessions/{id}/accept live/sessions/{id}/fork
    realtime/calls realtime/calls/{id}/accept realtime/client_secrets realtime/sessions
    realtime/transcription_sessions realtime/translations/client_secrets
    threads/runs threads/{id}/runs threads/{id}/runs/{id}/submit_tool_outputs
    vector_stores vector_stores/{id}/file_batches vector_stores/{id}/files vector_stores/{id}/search
    videos videos/characters videos/edits videos/extensions videos/{id}/remix
"""

# Only read back, listed and deleted.
_READ = """
    agents/automations/{id}/invocations/{id} agents/environments/{id}
    agents/sessions/{id}/artifacts agents/sessions/{id}/artifacts/{id} agents/sessions/{id}/artifacts/{id}/content
    agents/sessions/{id}/items agents/sessions/{id}/subagents agents/sessions/{id}/subagents/{id}
    agents/sessions/{id}/subagents/{id}/items agents/sessions/{id}/subagents/{id}/turns
    agents/sessions/{id}/subagents/{id}/turns/{id} agents/sessions/{id}/subagents/{id}/turns/{id}/items
    agents/sessions/{id}/traces agents/sessions/{id}/turns agents/sessions/{id}/turns/{id}
    agents/sessions/{id}/turns/{id}/items
    audio/voices/{id}
    chat/completions/{id}/messages
    chatkit/threads chatkit/threads/{id} chatkit/threads/{id}/items
    containers/{id} containers/{id}/files/{id} containers/{id}/files/{id}/content
    conversations/{id}/items/{id}
    evals/{id}/runs/{id}/output_items evals/{id}/runs/{id}/output_items/{id}
    files/{id}
    fine_tuning/checkpoints/{id}/permissions/{id}
    fine_tuning/jobs/{id} fine_tuning/jobs/{id}/checkpoints fine_tuning/jobs/{id}/events
    live/sessions/{id}/content
    models models/{id}
    responses/{id}/input_items
    safety/alerts/{id} safety/cases/{id}
    skills/{id}/content skills/{id}/versions/{id} skills/{id}/versions/{id}/content
    threads/{id}/runs/{id}/steps threads/{id}/runs/{id}/steps/{id}
    vector_stores/{id}/file_batches/{id} vector_stores/{id}/file_batches/{id}/files
    vector_stores/{id}/files/{id}/content
    videos/{id} videos/{id}/content videos/characters/{id}
    webhook_event_types
"""

TABLE = RouteTable(posts=_POSTS, gets=_GETS, free=_FREE, unmetered=_UNMETERED, read=_READ)

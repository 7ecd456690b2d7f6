"""Every metric: its name, what it tells, by which labels. deploy/prometheus/alerts.yml may name these and no others.

Labels hold names of ours and of a few well-known things, so that there are never many series: no organization, key,
model, tag or path is one, and nothing that a client makes up.
"""

from typing import Literal, NamedTuple


class Family(NamedTuple):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    tells: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()  # of a histogram: the upper ends of all buckets but the last
    merge: Literal["sum", "max", "min"] = "sum"  # of a gauge: over the processes that live


_FRACTIONS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_MINUTES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0)

# --- The proxied call -------------------------------------------------------------------------------------------------

CALLS = Family(
    "aipc_calls_total",
    "counter",
    "Proxied calls that ended, by what the client was answered; 499: it left before the answer began.",
    ("provider", "route", "status"),
)
REFUSALS = Family(
    "aipc_refusals_total", "counter", "Calls that this service refused itself, by the code in x-aipc-error.", ("code",)
)
CUT_SHORT = Family(
    "aipc_answers_cut_short_total",
    "counter",
    "Answers that began and did not come to their end, by the reason.",
    ("reason",),
)
ADDED = Family(
    "aipc_added_latency_seconds",
    "histogram",
    "What this service itself took of a call: neither the provider nor the client was waited for.",
    ("provider",),
    _FRACTIONS,
)
UPSTREAM = Family(
    "aipc_upstream_latency_seconds",
    "histogram",
    "From sending a call to the provider to the head of its answer.",
    ("provider",),
    _SECONDS,
)
DURATION = Family(
    "aipc_call_duration_seconds",
    "histogram",
    "From a call's arrival to the end of its answer.",
    ("provider",),
    _SECONDS,
)
OPEN_CALLS = Family("aipc_open_calls", "gauge", "Proxied calls that run now.")
OPEN_STREAMS = Family("aipc_open_streams", "gauge", "Answers that are being streamed now.")
KEY_HITS = Family("aipc_key_cache_hits_total", "counter", "Platform keys that were known without asking the database.")
KEY_MISSES = Family("aipc_key_cache_misses_total", "counter", "Platform keys that the database was asked for.")
KEYS = Family("aipc_key_cache_keys", "gauge", "Platform keys in memory.")

# --- From the journal to the ledger -----------------------------------------------------------------------------------

RECORDS_WRITTEN = Family("aipc_records_written_total", "counter", "Usage records written to the journal.")
UNRECORDED = Family("aipc_calls_in_flight", "gauge", "Calls that were let in and have no record yet.")
MISSING = Family(
    "aipc_calls_missing",
    "gauge",
    "Calls that were let in and are neither running nor recorded: 0, or something is broken.",
)
WAITING_SEGMENTS = Family("aipc_journal_waiting_segments", "gauge", "Journal segments that wait for the ledger.")
WAITING_BYTES = Family("aipc_journal_waiting_bytes", "gauge", "Bytes of the segments that wait for the ledger.")
OLDEST_SEGMENT = Family(
    "aipc_journal_oldest_seconds", "gauge", "How long the oldest segment has waited for the ledger.", merge="max"
)
JOURNAL_FREE = Family("aipc_journal_free_bytes", "gauge", "Room left on the disk of the journal.", merge="min")
POSTING = Family(
    "aipc_posting_lag_seconds",
    "histogram",
    "From the end of a journal segment to the moment when it was seen in the ledger.",
    (),
    _MINUTES,
)
SEGMENTS_POSTED = Family("aipc_segments_posted_total", "counter", "Journal segments posted to the ledger.")
RECORDS_POSTED = Family(
    "aipc_records_posted_total", "counter", "Usage records posted to the ledger.", ("provider", "cost_status")
)
LINES_REJECTED = Family("aipc_lines_rejected_total", "counter", "Journal lines that could not be posted.")
REJECTED = Family("aipc_rejected_records", "gauge", "Rejected lines that wait for somebody to look at them.")
LAST_POSTING = Family("aipc_last_posting_timestamp_seconds", "gauge", "When the ledger last took a segment, Unix time.")
QUEUE = Family("aipc_queue_segments", "gauge", "Tasks that wait in Redis for a worker.")
DIFFERENCES = Family(
    "aipc_ledger_differences",
    "gauge",
    "Days whose roll-ups differ from their records, as the nightly check found them.",
)
DAYS_CHECKED = Family(
    "aipc_ledger_days_checked_total", "counter", "Days whose roll-ups were held against their records."
)

MONTHS_AHEAD = Family(
    "aipc_record_months_ahead",
    "gauge",
    "Months after this one that usage records have a place of their own for. Absent where records are not partitioned.",
    merge="min",
)
OUTSIDE_MONTHS = Family(
    "aipc_records_outside_months",
    "gauge",
    "Usage records that lie in no month. Absent where records are not partitioned.",
)

# --- The copy of the records in a column store ------------------------------------------------------------------------

COPY_WAITING = Family(
    "aipc_column_store_waiting_records", "gauge", "Records of the ledger that the copy has not heard of. Only with one."
)
COPY_LAG = Family(
    "aipc_column_store_lag_seconds", "gauge", "How long the oldest change has waited for the copy. Only with one."
)
COPY_FAULTS = Family(
    "aipc_column_store_faults", "gauge", "1 where the copy has to be filled anew, else 0. Only with a copy."
)
COPY_FAILURES = Family(
    "aipc_column_store_failures_total", "counter", "Questions and writes that the column store failed."
)
RECORD_QUESTIONS = Family(
    "aipc_record_questions_total", "counter", "Questions that the copy could answer, by who answered them.", ("by",)
)

# --- Processes --------------------------------------------------------------------------------------------------------

TASKS = Family("aipc_tasks_total", "counter", "Background tasks that ended, by name.", ("task", "outcome"))
TASK_SECONDS = Family("aipc_task_seconds_total", "counter", "Seconds that background tasks took, by name.", ("task",))
LOOP_LAG = Family(
    "aipc_event_loop_lag_seconds",
    "histogram",
    "How much later than due the event loop came round, looked at twice a second.",
    (),
    (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
MEMORY = Family("aipc_resident_memory_bytes", "gauge", "Resident memory of all processes of a role.", ("role",))
LARGEST = Family(
    "aipc_resident_memory_largest_bytes", "gauge", "Of the largest process of a role.", ("role",), merge="max"
)
PROCESSES = Family("aipc_processes", "gauge", "Processes that run.", ("role",))
STARTS = Family("aipc_process_starts_total", "counter", "Serving processes that were started.")
BUILD = Family(
    "aipc_build_info", "gauge", "The release that answers. Always 1.", ("version", "python", "mode"), merge="max"
)
DATABASE_UP = Family("aipc_database_up", "gauge", "Whether the database answered this scrape.")
REDIS_UP = Family("aipc_redis_up", "gauge", "Whether Redis answered this scrape. Absent in trial mode.")

FAMILIES: dict[str, Family] = {found.name: found for found in list(globals().values()) if isinstance(found, Family)}

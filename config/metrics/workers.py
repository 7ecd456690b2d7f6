"""What Celery workers count: summed up in Redis, which outlives them, over all hosts. And how long each task takes.

The hash `aipc:metrics` holds the sums; `aipc:workers` the memory of each process and when it said so.
In trial mode tasks run inside the server, whose file has all of it.
"""

import json
import logging
import os
import socket
import threading
import time
from typing import Any

import redis
from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown
from django.conf import settings

from config import request_ids
from config.metrics import counting
from config.metrics.families import FAMILIES, LARGEST, MEMORY, PROCESSES, QUEUE, TASK_SECONDS, TASKS
from config.metrics.memory import resident_bytes
from config.metrics.store import Values

log = logging.getLogger(__name__)

SUMS, WORKERS = "aipc:metrics", "aipc:workers"
_SAY_SECONDS = 15.0
_SILENCE_SECONDS = 60.0  # after which a worker is taken for gone

_started: dict[str, float] = {}
_client: redis.Redis | None = None
_stopping = threading.Event()


def _redis() -> redis.Redis:
    global _client
    if _client is None:
        _client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    return _client


@task_prerun.connect(weak=False)
def _note_start(task_id: str, **_: Any) -> None:
    request_ids.current.set(task_id)  # so that the lines of a task are found together
    _started[task_id] = time.monotonic()


@task_postrun.connect(weak=False)
def _note_end(task_id: str, task: Any, state: str | None, **_: Any) -> None:
    began = _started.pop(task_id, None)
    name = str(task.name)[:60]
    counting.count(TASKS, name, "succeeded" if state == "SUCCESS" else "failed")
    if began is not None:
        counting.count(TASK_SECONDS, name, by=time.monotonic() - began)


@worker_process_init.connect(weak=False)
def _begin(**_: Any) -> None:
    global _client
    _client = None  # the parent's connection is not this process's
    counting.take_pending()
    threading.Thread(target=_say_until_stopped, name="metrics", daemon=True).start()


@worker_process_shutdown.connect(weak=False)
def _end(**_: Any) -> None:
    _stopping.set()
    hand_on()
    try:
        _redis().hdel(WORKERS, _own_name())
    except redis.RedisError:
        return


def _say_until_stopped() -> None:
    while True:
        hand_on()
        try:
            _redis().hset(WORKERS, _own_name(), f"{resident_bytes()} {time.time():.0f}")
        except redis.RedisError as error:
            log.debug("metrics: Redis is away (%s)", type(error).__name__)
        if _stopping.wait(_SAY_SECONDS):
            return


def _own_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def hand_on() -> None:
    """Add what was counted here to the sums. While Redis is away it waits."""
    counted = counting.take_pending()
    if not counted:
        return
    try:
        with _redis().pipeline(transaction=True) as pipeline:
            for series, by in counted.items():
                pipeline.hincrbyfloat(SUMS, json.dumps(series), by)
            pipeline.execute()
    except redis.RedisError:
        counting.put_back(counted)


def read() -> Values:
    """What the workers told, and how much waits for them. Raises `redis.RedisError`. Blocks for a second at most."""
    client = _redis()
    with client.pipeline(transaction=False) as pipeline:
        pipeline.hgetall(SUMS)
        pipeline.hgetall(WORKERS)
        pipeline.llen(settings.CELERY_TASK_DEFAULT_QUEUE)
        sums, workers, length = pipeline.execute()
    values: Values = {(QUEUE.name, ""): float(length)}
    for name, value in sums.items():
        series = tuple(json.loads(name))
        if series[0] in FAMILIES:
            values[series] = float(value)
    sizes = []
    for name, said in workers.items():
        size, _, at = said.decode().partition(" ")
        if float(at) > time.time() - _SILENCE_SECONDS:
            sizes.append(float(size))
        else:
            client.hdel(WORKERS, name)
    if sizes:
        values[MEMORY.name, "", "worker"] = sum(sizes)
        values[LARGEST.name, "", "worker"] = max(sizes)
    values[PROCESSES.name, "", "worker"] = float(len(sizes))
    return values

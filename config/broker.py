"""Celery's connection to Redis, with a fault of kombu 5.7 mended. `config.celery` puts it in kombu's place."""

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as ConnectionLost


class Channel(kombu_redis.Channel):
    def _connparams(self, asynchronous: bool = False) -> Any:
        """Raises what Celery expects when a task ends after its broker's connection was given up.

        kombu raises `AttributeError`, which ends the worker: to be seen when Redis dies while a task runs. The task
        comes back when Redis does; it has been done, and is then done by its receipt. Can go when kombu checks here.
        """
        if self.connection is None or self.connection.client is None:
            raise ConnectionLost("The connection to the broker was closed.")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]  # not in the types


class Transport(kombu_redis.Transport):
    Channel = Channel

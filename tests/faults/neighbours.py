"""Faults: PostgreSQL and Redis die, stop, hang, forget, or come back as they were before."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import redis
from django.core.management import call_command
from django.db import connection

from tests.faults.scene import Fault, Scene
from tests.faults.town import Ended, children_of, kill
from tests.servers import PostgreSQL, Server, ServerFailed

_HANGING_SECONDS = 12.0


def kill_redis(scene: Scene) -> None:
    scene.town.redis.kill()
    scene.town.redis.start()


def kill_postgres(scene: Scene) -> None:
    kill_all_of(scene.town.postgres)
    start_again(scene.town.postgres)


def kill_all_of(postgres: PostgreSQL) -> None:
    backends = children_of(postgres.pid)  # each has a session of its own
    postgres.kill()
    for backend in backends:
        with contextlib.suppress(ProcessLookupError):
            kill(backend)


def start_again(postgres: PostgreSQL) -> None:
    """What is left of the dead one may hold its shared memory for a moment."""
    deadline = time.monotonic() + 20
    while True:
        try:
            postgres.start()
        except ServerFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def stop_everything(scene: Scene) -> None:
    town = scene.town
    town.at_once(*(Ended(server).close_down for server in town.all_servers))
    connection.close()
    town.at_once(town.postgres.start, town.redis.start)
    town.open()


def stop_postgres(seconds: float) -> Callable[[Scene], None]:
    def inflict(scene: Scene) -> None:
        scene.town.postgres.stop()
        answered = len(scene.traffic.complete)
        time.sleep(seconds)
        scene.note(f"{len(scene.traffic.complete) - answered} calls completed meanwhile")
        start_again(scene.town.postgres)

    return inflict


def hang(server_of: Callable[[Scene], Server]) -> Callable[[Scene], None]:
    """It takes everything and answers nothing: its processes are stopped, and the kernel goes on for them."""

    def inflict(scene: Scene) -> None:
        pid = server_of(scene).pid
        os.kill(pid, signal.SIGSTOP)  # the parent first, so that no more children come
        stopped = [pid, *children_of(pid)]
        answered = len(scene.traffic.complete)
        try:
            for each in stopped[1:]:
                os.kill(each, signal.SIGSTOP)
            time.sleep(_HANGING_SECONDS)
        finally:
            for each in reversed(stopped):
                os.kill(each, signal.SIGCONT)
        scene.note(f"{len(scene.traffic.complete) - answered} calls completed meanwhile")

    return inflict


def stop_redis(scene: Scene) -> None:
    scene.town.redis.stop()
    scene.pause(1.0)
    scene.town.redis.start()


def flush_redis(scene: Scene) -> None:
    with redis.Redis.from_url(scene.town.redis.url) as client:
        for _ in range(3):
            client.flushall()
            scene.pause(0.05)


def empty_redis(scene: Scene) -> None:
    scene.town.redis.kill()
    shutil.rmtree(append_only(scene))
    scene.town.redis.start()


def age_redis(scene: Scene) -> None:
    """Its file is that of a while ago: tasks that are done are there again, and later ones are not."""
    old = scene.town.folder / "old-redis"
    copy_tree(append_only(scene), old)
    scene.pause(0.3)
    scene.town.redis.kill()
    shutil.rmtree(append_only(scene))
    shutil.move(old, append_only(scene))
    scene.town.redis.start()


def append_only(scene: Scene) -> Path:
    return scene.town.redis.folder / "data" / "appendonlydir"


def copy_tree(source: Path, target: Path) -> None:
    """Owners included."""
    shutil.copytree(source, target, symlinks=True)
    for original in [source, *source.rglob("*")]:
        owner = original.lstat()
        with contextlib.suppress(FileNotFoundError):
            shutil.chown(target / original.relative_to(source), owner.st_uid, owner.st_gid)


def restore_postgres(scene: Scene) -> None:
    """A backup is taken, calls go on, the backup is restored as docs/operations.md says, the journal replayed."""
    town, data = scene.town, scene.town.folder / "data"
    backup = town.folder / "backup"
    town.postgres.stop()
    connection.close()
    copy_tree(data, backup)
    start_again(town.postgres)
    scene.pause(0.8)
    town.at_once(*(Ended(server).close_down for server in [town.server, *town.workers]))
    town.postgres.stop()
    connection.close()
    shutil.rmtree(data)
    backup.rename(data)
    start_again(town.postgres)
    town.open()
    call_command("replay_journal", town.journal, verbosity=0, stdout=(said := Said()))
    scene.note(said.text.splitlines()[0].rstrip("."))


class Said:
    """A file that a command can write to."""

    text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def faults(pause: float) -> list[Fault]:
    """`pause`: seconds without PostgreSQL."""
    return [
        Fault("kill -9 of Redis", kill_redis),
        Fault("Redis stopped for a while", stop_redis),
        Fault("Redis flushed", flush_redis),
        Fault("Redis restarted empty", empty_redis),
        Fault("Redis restarted with an old file", age_redis),
        Fault("kill -9 of PostgreSQL", kill_postgres),
        Fault(f"PostgreSQL stopped for {pause:g} s", stop_postgres(pause)),
        Fault(f"PostgreSQL hangs for {_HANGING_SECONDS:g} s (SIGSTOP)", hang(lambda scene: scene.town.postgres)),
        Fault(f"Redis hangs for {_HANGING_SECONDS:g} s (SIGSTOP)", hang(lambda scene: scene.town.redis)),
        Fault("SIGTERM of everything", stop_everything),
        Fault("an old database restored, the journal replayed", restore_postgres),
    ]

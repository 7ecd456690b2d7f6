"""Faults: our own processes die, at named points of the protocol and at moments that nobody chose, or are replaced."""

import signal
from collections.abc import Callable

from tests.faults.scene import Fault, Scene
from tests.faults.town import kill
from tests.servers import wait_until

CALL_POINTS = (
    "call.slot_entered:40",
    "call.before_append:40",
    "call.appended:40",
    "journal.rotate:2",
    "journal.sealed:2",
)
SHIPPING_POINTS = ("shipper.before_publish:2", "shipper.after_publish:2", "shipper.before_deletion:2")
POSTING_POINTS = ("posting.inside", "posting.committed")
ADOPTION_POINTS = ("adoption.sealed", "adoption.interrupted", "adoption.moved")


def nothing(scene: Scene) -> None:
    scene.pause(0.2)


def kill_a_proxy(scene: Scene) -> None:
    kill(scene.random.choice(scene.town.proxies()))


def kill_all_proxies(scene: Scene) -> None:
    kill(*scene.town.proxies())


def kill_the_server(scene: Scene) -> None:
    scene.town.server.kill()
    scene.town.server.start()


def kill_a_worker(scene: Scene) -> None:
    worker = scene.random.choice(scene.town.workers)
    worker.kill()
    worker.start()


def kill_all_workers(scene: Scene) -> None:
    workers = scene.town.workers
    for worker in workers:
        worker.kill()
    scene.town.at_once(*(worker.start for worker in workers))


def kill_a_pool_child(scene: Scene) -> None:
    for _ in range(3):
        kill(scene.random.choice(scene.town.pool_children()))
        scene.pause(0.05)


def roll(scene: Scene) -> None:
    before = set(scene.town.proxies())
    failed = len([call for call in scene.traffic.calls if call.error])
    server = scene.town.server.process
    assert server is not None
    server.send_signal(signal.SIGHUP)

    def is_replaced() -> bool:
        now = scene.town.proxies()
        return len(now) == len(before) and not before & set(now)

    wait_until(is_replaced, "all proxy processes are replaced", 90)
    scene.note(f"{len([call for call in scene.traffic.calls if call.error]) - failed} calls failed")


def die_at(point: str) -> Callable[[Scene], None]:
    def inflict(scene: Scene) -> None:
        scene.town.arm(point)
        scene.town.wait_for_death()

    return inflict


def die_adopting_at(point: str) -> Callable[[Scene], None]:
    """One dies with calls on their way, and so does who takes over."""

    def inflict(scene: Scene) -> None:
        scene.town.arm(point)
        kill(scene.random.choice(scene.town.proxies()))
        scene.town.wait_for_death(40)

    return inflict


FAULTS = [
    Fault("none", nothing),
    Fault("kill -9 of a proxy process", kill_a_proxy),
    Fault("kill -9 of all proxy processes", kill_all_proxies),
    Fault("kill -9 of the server with all its processes", kill_the_server),
    Fault("kill -9 of a worker", kill_a_worker),
    Fault("kill -9 of all workers", kill_all_workers),
    Fault("kill -9 of pool children", kill_a_pool_child),
    Fault("rolling restart (SIGHUP)", roll),
    *(
        Fault(f"death at {point.partition(':')[0]}", die_at(point))
        for point in (*CALL_POINTS, *SHIPPING_POINTS, *POSTING_POINTS)
    ),
    *(Fault(f"death at {point}", die_adopting_at(point)) for point in ADOPTION_POINTS),
]

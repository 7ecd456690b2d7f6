"""`make faults`: the production topology under load, one fault after the other, and what became of the calls.

    make faults                                     # every fault once: six to eight minutes on two quiet cores
    make faults ARGS="--only redis --seconds 20"    # those of that name, with more load around them
    make faults ARGS="--client lean"                # with the project's own client towards the provider
    make faults ARGS="--seed 7 --markdown FILE"     # the same moments again; the table as a file

Ends with 1 when a call was lost or doubled, a sum was wrong, or the town did not become whole again.
"""

import argparse
import os
import platform
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.hermetic import environment
from tests.faults.town import Town

if TYPE_CHECKING:
    from tests.faults.scene import Fault, Outcome

_HEAD = "| fault | calls made | completed | lost | doubled | wrong | seconds to recover | |"


def say(text: str) -> None:
    print(text, flush=True)


def set_up_django(settings: dict[str, str]) -> None:
    clean = environment()
    os.environ.clear()
    os.environ.update(clean | settings | {"DJANGO_SETTINGS_MODULE": "config.settings", "FAILPOINTS": ""})
    import django

    django.setup()


def all_faults(town: Town, pause: float) -> "list[Fault]":
    from tests.faults import backups, deaths, journals, neighbours, parties

    return [*deaths.FAULTS, *neighbours.faults(pause), *backups.FAULTS, *journals.faults(town), *parties.FAULTS]


def play(town: Town, fault: "Fault", options: argparse.Namespace) -> "Outcome":
    from tests.faults.scene import Outcome, Scene

    usual = dict(town.server.settings)
    try:
        if fault.settings:
            town.restart(fault.settings)
        scene = Scene(town, fault, seed=options.seed, seconds=options.seconds, rate=options.rate)
        outcome = scene.play()
        if fault.settings:
            town.server.settings = usual
            town.restart()
    except Exception as error:  # noqa: BLE001 - the other faults are played all the same
        say(traceback.format_exc()[-1500:])
        town.server.settings = usual
        town.mend()
        outcome = Outcome(fault.name)
        outcome.findings.wrong.append(f"{type(error).__name__}: {error!s:.300}")
    return outcome


def row_of(outcome: "Outcome") -> str:
    found = outcome.findings
    figures = [outcome.made, outcome.completed, len(found.lost), len(found.doubled), len(found.wrong)]
    cells = [outcome.fault, *map(str, figures), f"{outcome.seconds:.1f}", outcome.note]
    return f"| {' | '.join(cells)} |"


def table(outcomes: "list[Outcome]") -> str:
    rule = "|---|" + "---:|" * 6 + "---|"
    return "\n".join([_HEAD, rule, *map(row_of, outcomes)])


def play_all(town: Town, options: argparse.Namespace) -> "list[Outcome]":
    wanted = re.compile(options.only, re.IGNORECASE)
    faults = [fault for fault in all_faults(town, options.pause) if wanted.search(fault.name)]
    say(f"Seed {options.seed}; {len(faults)} faults, {options.seconds:g} s of load around each.\n\n{_HEAD}")
    outcomes = []
    for fault in faults:
        began = time.monotonic()
        outcome = play(town, fault, options)
        outcomes.append(outcome)
        say(f"{row_of(outcome)} ({time.monotonic() - began:.0f} s) {outcome.reason}; {outcome.failures}")
        if outcome.findings:
            say(str(outcome.findings))
    return outcomes


def run(options: argparse.Namespace, folder: Path) -> int:
    started = time.monotonic()
    settings = {"UPSTREAM_CLIENT": options.client, **dict(setting.split("=", 1) for setting in options.set)}
    with Town(folder, settings) as town:
        town.start()
        set_up_django(town.settings())
        town.open()
        outcomes = play_all(town, options)
        if options.logs:
            options.logs.mkdir(exist_ok=True)
            for number, server in enumerate((town.server, *town.workers)):
                (options.logs / f"{type(server).__name__}-{number}.log").write_text(server.output)
    minutes = (time.monotonic() - started) / 60
    say(f"\n{table(outcomes)}\n")
    made, completed = sum(one.made for one in outcomes), sum(one.completed for one in outcomes)
    bad = sum(bool(one.findings) for one in outcomes)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    lost, doubled = sum(len(one.findings.lost) for one in outcomes), sum(len(one.findings.doubled) for one in outcomes)
    slowest = max(outcomes, key=lambda one: one.seconds, default=None)
    slow = f"slowest to recover {slowest.seconds:.1f} s ({slowest.fault})" if slowest else ""
    say(f"{made} calls, {completed} completed, {lost} lost, {doubled} doubled, {bad} faults with findings; {slow}")
    say(f"{options.client}, {minutes:.1f} minutes; {machine}")
    if options.markdown:
        options.markdown.write_text(table(outcomes) + "\n")
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    seconds, seed = os.environ.get("FAULTS_SECONDS"), os.environ.get("FAULTS_SEED")
    parser.add_argument("--seconds", type=float, default=float(seconds or 5), help="of load around a fault")
    parser.add_argument("--seed", type=int, default=int(seed or random.randrange(1_000_000)))
    parser.add_argument("--rate", type=float, default=250, help="calls a second")
    parser.add_argument("--pause", type=float, default=60, help="seconds without PostgreSQL")
    parser.add_argument("--only", default="", help="part of the names of the faults to play")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of our processes")
    parser.add_argument("--client", choices=("aiohttp", "lean"), default="lean", help="what asks the provider")
    parser.add_argument("--markdown", type=Path, help="a file for the table")
    parser.add_argument("--logs", type=Path, help="a folder for what the processes said")
    options = parser.parse_args()
    if sys.platform != "linux":
        sys.exit("The faults need Linux: processes are found by /proc, and disks filled by prlimit.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="aipc-faults-"))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    try:
        return run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

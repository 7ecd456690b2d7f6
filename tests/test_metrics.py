"""What processes count: files that outlive them, sums that never go back, the text that Prometheus reads."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import config
from config.metrics import exposition, families, store
from config.metrics.families import Family
from config.metrics.store import CELL_BYTES, OTHER, Store, Values
from scripts.hermetic import ROOT

_COUNTING = """
import sys, time
from pathlib import Path
from config.metrics import families
from config.metrics.store import Store
one = Store(Path(sys.argv[1]))
one.add(families.REFUSALS, "too_many_calls", by=5)
one.set(families.OPEN_CALLS, 7)
at = one.histogram(families.UPSTREAM, "openai")
one.values[at] += 3
print("counted", flush=True)
time.sleep(600)
"""
REFUSED = ("aipc_refusals_total", "", "too_many_calls")


def total(folder: Path) -> Values:
    return exposition.merge(store.read(folder))


def test_processes_are_added_up_and_a_killed_one_keeps_its_counts_but_not_its_gauges(tmp_path: Path) -> None:
    own = Store(tmp_path)
    own.add(families.REFUSALS, "too_many_calls", by=2)
    own.set(families.OPEN_CALLS, 1)
    process = subprocess.Popen([sys.executable, "-c", _COUNTING, tmp_path], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"counted\n"
        both = total(tmp_path)
        assert (both[REFUSED], both["aipc_open_calls", ""]) == (7, 8)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for _ in range(2):  # the first look adds the dead one's file to the sums, the second finds it there
        after = total(tmp_path)
        assert (after[REFUSED], after["aipc_open_calls", ""]) == (7, 1)
        assert after["aipc_upstream_latency_seconds", "0", "openai"] == 3
    assert [path.name for path in tmp_path.glob("*.numbers")] == [own.path.name]


def test_a_reader_that_died_between_adding_and_removing_counts_nothing_twice(tmp_path: Path) -> None:
    one = Store(tmp_path)
    one.add(families.STARTS, by=4)
    one.close()
    content = one.path.read_bytes()
    assert total(tmp_path)["aipc_process_starts_total", ""] == 4
    one.path.write_bytes(content)  # as if it had not been removed

    assert total(tmp_path)["aipc_process_starts_total", ""] == 4
    assert not one.path.exists()


def test_a_reader_that_hangs_keeps_no_other_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_LOCK_SECONDS", 0.05)
    Store(tmp_path)
    with store._alone(tmp_path), pytest.raises(TimeoutError):
        store.read(tmp_path)


def test_a_folder_that_cannot_be_used_costs_the_sum_over_processes_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    one = Store(tmp_path / "file")
    one.add(families.STARTS)

    assert one.own()["aipc_process_starts_total", ""] == 1
    assert "cannot be used" in caplog.text


def test_series_beyond_the_room_for_them_share_one(tmp_path: Path) -> None:
    one = Store(tmp_path)
    long = "x" * CELL_BYTES
    for code in (long, long + "y", *map(str, range(5000))):
        one.add(families.REFUSALS, code)
    told = total(tmp_path)

    assert sum(told.values()) == 5002
    assert told["aipc_refusals_total", "", OTHER] >= 2
    assert len(told) <= 4096


def test_the_text_is_what_prometheus_reads() -> None:
    values: Values = {
        ("aipc_calls_total", "", "openai", 'a"b\\c', "200"): 3.0,
        ("aipc_upstream_latency_seconds", "0", "openai"): 1.0,
        ("aipc_upstream_latency_seconds", "2", "openai"): 2.0,
        ("aipc_upstream_latency_seconds", "sum", "openai"): 0.25,
        ("aipc_open_calls", ""): 0.0,
    }
    lines = exposition.write(values).decode().splitlines()

    assert 'aipc_calls_total{provider="openai",route="a\\"b\\\\c",status="200"} 3' in lines
    assert "# TYPE aipc_upstream_latency_seconds histogram" in lines
    buckets = [line.split()[-1] for line in lines if line.startswith("aipc_upstream_latency_seconds_bucket")]
    assert buckets[:3] == ["1", "1", "3"]
    assert 'aipc_upstream_latency_seconds_bucket{provider="openai",le="+Inf"} 3' in lines
    assert 'aipc_upstream_latency_seconds_count{provider="openai"} 3' in lines
    assert 'aipc_upstream_latency_seconds_sum{provider="openai"} 0.25' in lines
    assert "aipc_open_calls 0" in lines


@pytest.mark.parametrize("family", families.FAMILIES.values(), ids=lambda family: family.name)
def test_a_family_is_named_as_prometheus_wants_it(family: Family) -> None:
    assert family.name.startswith("aipc_")
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert bool(family.bounds) == (family.kind == "histogram")
    assert list(family.bounds) == sorted(family.bounds)
    assert not {"organization", "api_key", "model", "tag", "prompt", "path"} & set(family.labels)


def test_a_file_is_locked_for_as_long_as_its_process_lives(tmp_path: Path) -> None:
    one = Store(tmp_path)
    file = os.open(one.path, os.O_RDWR)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        one.close()
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(file)


def test_alerts_and_the_scrape_example_name_what_there_is() -> None:
    folder = ROOT / "deploy" / "prometheus"
    rules = yaml.safe_load((folder / "alerts.yml").read_text())["groups"][0]["rules"]
    (job,) = yaml.safe_load((folder / "scrape.yml").read_text())["scrape_configs"]

    assert job["metrics_path"] == "/metrics"
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    codes = " ".join(path.read_text() for path in (ROOT / "proxy").glob("*.py"))
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        names = re.findall(r"aipc_\w+", rule["expr"])
        assert names or rule["alert"] == "NothingAnswers"
        for name in names:
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            family = families.FAMILIES.get(name) or families.FAMILIES[base]
            assert (family.kind == "histogram") == (name != family.name)
        for labels in re.findall(r"aipc_\w+\{([^}]*)\}", rule["expr"]):
            known = {label for name in names for label in families.FAMILIES[name].labels}
            assert set(re.findall(r"(\w+)=", labels)) <= known
        for code in "|".join(re.findall(r'code=~"([^"]*)"', rule["expr"])).split("|"):
            assert f'"{code}"' in codes or not code


def test_the_release_is_the_one_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == config.VERSION


def test_series_beyond_what_a_file_holds_are_counted_together_in_each_family(tmp_path: Path) -> None:
    one = Store(tmp_path)
    for number in range(5000):
        one.add(families.REFUSALS, f"code-{number}")
    one.add(families.CALLS, "openai", "models", "200")
    one.add(families.CALLS, "openai", "files", "200")

    counted = total(tmp_path)
    assert sum(value for series, value in counted.items() if series[0] == REFUSED[0]) == 5000
    assert counted["aipc_calls_total", "", OTHER, OTHER, OTHER] == 2

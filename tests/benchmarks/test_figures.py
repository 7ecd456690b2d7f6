"""The pure parts of the benchmarks: what rounds say, what wrk says, and how far a goal is met."""

import pytest

from benchmarks import goals
from benchmarks.figures import Figure, Round, Sample, difference, median, ratio, table
from benchmarks.load import LoadFailed, read_wrk
from scripts.hermetic import ROOT

pytestmark = pytest.mark.trial


def rounds(*pairs: tuple[float, float], disturbed: tuple[int, ...] = ()) -> list[Round]:
    """Of ours and nginx's CPU; those with these numbers were disturbed while ours was measured."""
    return [
        {"lean": Sample(cpu_us=own, disturbed_by="a gap" if number in disturbed else ""), "nginx": Sample(cpu_us=other)}
        for number, (own, other) in enumerate(pairs)
    ]


def test_a_ratio_is_the_median_of_those_within_a_round() -> None:
    assert ratio(rounds((100, 50), (300, 100), (80, 10)), "lean", "nginx") == Figure(3, 3)


def test_rounds_in_which_one_of_the_two_was_disturbed_are_left_out() -> None:
    made = rounds((100, 50), (900, 100), (80, 10), disturbed=(1,))
    assert ratio(made, "lean", "nginx") == Figure(5, 2)
    assert median(made, "nginx", lambda sample: sample.cpu_us) == Figure(50, 3)


def test_a_figure_of_disturbed_rounds_alone_says_so() -> None:
    figure = difference(rounds((100, 50), disturbed=(0,)), "lean", "nginx", lambda sample: sample.cpu_us)
    assert figure == Figure(50, 1, is_disturbed=True)
    assert figure.text() == "50.00*"


def test_what_was_not_measured_has_no_figure() -> None:
    made = rounds((100, 50))
    assert ratio(made, "lean", "ferrogw") is None
    del made[0]["nginx"]
    assert ratio([*made, *rounds((10, 5))], "lean", "nginx") == Figure(2, 1)


def test_goals_are_met_up_to_their_limit() -> None:
    made = {"json-1k": rounds((60, 10), (60, 10)), "sse-50": rounds((21, 10))}
    rows = {row[0]: row[1:] for row in goals.rows(made, "lean")}
    assert rows["CPU of a JSON call, beside nginx as reverse proxy"] == ["6x", "6.00x", "yes"]
    assert rows["CPU of a stream of 50 chunks at once, beside nginx"] == ["2x", "2.10x", "no"]
    assert rows["beside Portkey"] == ["1/15", "", ""]


def test_meterings_share_is_what_a_call_without_it_saves() -> None:
    made = [{"lean": Sample(cpu_us=100), "unmetered": Sample(cpu_us=60)}]
    share = goals.metering_share(made, "lean")
    assert share is not None
    assert share.value == pytest.approx(40)


def test_a_table_has_words_to_the_left_and_figures_to_the_right() -> None:
    assert table(["case", "p50 ms"], [["JSON", "1.5"]]) == "| case | p50 ms |\n|---|---:|\n| JSON | 1.5 |"


def test_what_wrk_reports_is_read() -> None:
    load = read_wrk("Requests/sec:  6007.24\n\nREPORT 3615 601774 4822 29075 0\n")
    assert (load.calls, load.seconds, load.p50_ms, load.p99_ms) == (3615, 0.601774, 4.822, 29.075)
    assert round(load.rate) == 6007


@pytest.mark.parametrize("output", ["REPORT 3615 601774 4822 29075 3\n", "REPORT 0 601774 0 0 0\n", "no such file"])
def test_wrk_with_failed_calls_or_none_is_no_measurement(output: str) -> None:
    with pytest.raises(LoadFailed):
        read_wrk(output)


def test_how_far_a_machine_carries_is_told_by_the_figures_of_the_last_run() -> None:
    """Per call: JSON of 1 KB, 50 chunks at once, 50 chunks with 2 ms between them."""
    cases = ("JSON 1 KB", "SSE 50 chunks, at once", "SSE 50 chunks, 2 ms each")
    run = [[cell.strip() for cell in line.split("|")] for line in read("benchmarks/calls.md")]
    page = [[cell.strip() for cell in line.split("|")] for line in read("docs/deployment.md")]
    for client, row in (("lean", "web process"), ("aiohttp", "the same with `UPSTREAM_CLIENT=aiohttp`")):
        measured = [
            cells[3] for case in cases for cells in run if cells[1:3] == [case, f"AI Prompt Cost, {client} client"]
        ]
        (told,) = [cells[2:5] for cells in page if cells[1:2] == [row]]
        assert [figure.replace(",", "") for figure in told] == measured
    (posted,) = [
        cells for cells in (line.split("|") for line in read("benchmarks/README.md")) if cells[1:2] == [" 500 "]
    ]
    told = [cells[2] for cells in page if cells[1:2] and cells[1] in {POSTING, "and PostgreSQL"}]
    assert told == [posted[2].strip(), posted[3].strip()]


POSTING = "posting, in segments of 500: a worker"


def read(path: str) -> list[str]:
    return (ROOT / path).read_text().splitlines()

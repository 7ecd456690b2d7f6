"""One fault in the town under load: what happens before, the fault, and the comparison when all is well again."""

import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from django.db import close_old_connections, connection
from django.utils import timezone

from analytics import condensing
from analytics.models import LedgerRecord, RejectedRecord
from orgs.models import Organization
from tests.factories import make_key, make_organization, make_team
from tests.faults.audit import Findings, compare, condensed_differences, is_shipped, rollup_differences
from tests.faults.load import NUMBER
from tests.faults.town import PROCESSES, Town, Watch, directories_in_use
from tests.faults.traffic import Choose, Client, Traffic
from tests.servers import wait_until

_AT_ONCE = 96
_PATIENCE_SECONDS = 300.0  # a machine that barely keeps up has much to post afterwards
_LATER = timedelta(days=40)  # when today, its week and its month are over


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    inflict: Callable[["Scene"], None]  # returns when the cause is gone
    choose: Choose | None = None  # how the provider behaves
    clients: Sequence[Client] = ()  # beside the others
    organizations: int = 1
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # for our processes, this time
    is_power_lost: bool = False


@dataclasses.dataclass
class Outcome:
    fault: str
    made: int = 0
    completed: int = 0
    findings: Findings = dataclasses.field(default_factory=Findings)
    seconds: float = 0.0
    note: str = ""
    failures: str = ""  # what became of calls that were not completed
    reason: str = ""  # why it was not whole until then


class Scene:
    def __init__(self, town: Town, fault: Fault, *, seed: int, seconds: float, rate: float) -> None:
        self.town = town
        self.fault = fault
        self.random = random.Random(f"{seed} {fault.name}")
        self.seconds = seconds  # of load around the fault
        self.notes: list[str] = []
        self._rejected_before = RejectedRecord.objects.count()
        self.organizations = [make_organization() for _ in range(fault.organizations)]
        keys = [make_key(make_team(organization))[1] for organization in self.organizations]
        self._keys = {key: organization.pk for key, organization in zip(keys, self.organizations, strict=True)}
        self.traffic = Traffic(
            town.server.port,
            keys,
            seed=self.random.randrange(2**32),
            rate=rate,
            choose=fault.choose,
            clients=fault.clients,
        )

    @property
    def organization(self) -> Organization:
        return self.organizations[0]

    def leave_out(self, organization: Organization) -> None:
        """Its calls are nobody's any more."""
        self.organizations.remove(organization)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def play(self) -> Outcome:
        outcome = Outcome(self.fault.name)
        with Watch(self.town) as watch:
            self.traffic.begin(_AT_ONCE)
            try:
                self.pause(0.2 + 0.2 * self.random.random())
                self._condense()  # what comes later must take it back
                self.fault.inflict(self)
                healed_at = time.monotonic()
                self.pause(0.4)
            finally:
                self.traffic.end()
            self.wait_until_whole()
            self._wait_for_watch(watch)
        outcome.seconds = max(watch.broken_at - healed_at, 0.0)
        outcome.reason = watch.reason if outcome.seconds else ""
        self.town.provider.release()
        self.traffic.settle()
        self.wait_until_whole()
        outcome.made, outcome.completed = len(self.traffic.calls), len(self.traffic.complete)
        outcome.findings = self.compare()
        outcome.note = "; ".join(self.notes)
        kinds = Counter(f"{call.status} {call.error[:60]}" for call in self.traffic.calls if not call.is_complete)
        outcome.failures = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common(6))
        self.town.provider.reset()
        return outcome

    def pause(self, share: float) -> None:
        time.sleep(self.seconds * share)

    def wait_until_whole(self) -> None:
        journal = self.town.journal

        def is_whole() -> bool:
            try:
                return len(directories_in_use(journal)) == PROCESSES and is_shipped(journal)
            except FileNotFoundError:
                return False  # it changes while it is looked at

        wait_until(is_whole, "everything in the journal is posted", _PATIENCE_SECONDS)

    @staticmethod
    def _wait_for_watch(watch: Watch) -> None:
        wait_until(lambda: not watch.what_is_wrong(), f"the town is whole ({watch.reason})", _PATIENCE_SECONDS)

    def _condense(self) -> None:
        connection.close()
        condensing.condense_due(now=timezone.now() + _LATER, least_rows=0)
        close_old_connections()

    def compare(self) -> Findings:
        connection.close()
        known = {organization.pk for organization in self.organizations}
        calls = [call for call in self.traffic.calls if self._keys[call.platform_key] in known]
        numbers = {str(call.number) for call in calls}
        rows = list(LedgerRecord.objects.filter(organization_id__in=known))
        found = compare(
            rows,
            calls,
            [exchange for exchange in self.town.provider.log if exchange.header(NUMBER) in numbers],
            self.town.provider.used,
            told=self.traffic.told,
            is_power_lost=self.fault.is_power_lost,
        )
        for organization in self.organizations:
            own = [row for row in rows if row.organization_id == organization.pk]
            found.wrong += rollup_differences(organization, own)
            found.wrong += condensed_differences(organization)
        self._condense()
        for organization in self.organizations:
            found.wrong += condensed_differences(organization)
        pending = sum(row.cost_status == "pending" for row in rows)
        interrupted = sum(row.state == "interrupted" for row in rows)
        left = {made.object_id for made in self.traffic.made if made.is_left}
        untold = sum(row.cost_status == "pending" and row.object_id not in left for row in rows)
        self.note(f"{interrupted} interrupted, {pending} pending")
        if untold > interrupted + sum(not call.is_complete for call in self.traffic.calls):
            found.wrong.append(f"{untold} records are pending for no reason")
        if rejected := RejectedRecord.objects.count() - self._rejected_before:
            self.note(f"{rejected} lines rejected")
        return found

"""How complete the ledger is: what processes have on the way, what is gone, what does not add up."""

from django.db import models


class JournalState(models.Model):
    """What one serving process has let in and what of it is still on its way here. It says so every few seconds."""

    process = models.CharField(max_length=32, primary_key=True)  # the name of its directory in the journal
    host = models.CharField(max_length=64)
    accepted_count = models.BigIntegerField()  # since its start, like the next two
    written_count = models.BigIntegerField()
    in_flight_count = models.BigIntegerField()
    waiting_segments = models.BigIntegerField()
    oldest_waiting_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.host} {self.process}"


class RecordsKept(models.Model):
    """From which day on an organization's records are kept. Earlier ones are gone, or will be; the roll-ups stay."""

    organization_id = models.BigIntegerField(unique=True)
    first_day = models.DateField()

    class Meta:
        verbose_name_plural = "records kept"

    def __str__(self) -> str:
        return f"{self.organization_id} from {self.first_day}"


class ReceiptsKept(models.Model):
    """Receipts of segments posted before this moment may be gone. One row."""

    posted_from = models.DateTimeField()

    class Meta:
        verbose_name_plural = "receipts kept"

    def __str__(self) -> str:
        return f"from {self.posted_from}"


class LedgerDifference(models.Model):
    """A day whose roll-ups do not say what its records say, as the nightly check found it. Goes when they agree."""

    organization_id = models.BigIntegerField()
    day = models.DateField()
    tells = models.TextField()
    found_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("organization_id", "day"), name="ledger_difference_once")]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.day}"

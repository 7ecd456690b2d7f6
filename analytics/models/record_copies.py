"""What is known here of the copy of the records in a column store: how far it is, and what it has yet to hear of."""

from django.db import models
from django.db.models.functions import Now


class RecordCopy(models.Model):
    """The copy, where there is one: one row, from `manage.py column_store fill` until `drop`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    name = models.UUIDField()  # stands in the column store, too: another's tables are not taken for ours
    begun_at = models.DateTimeField()
    filled_to = models.UUIDField(null=True)  # the records up to this id are there, or are among the changes
    is_filled = models.BooleanField(default=False)
    number = models.BigIntegerField(default=0)  # of the last step that is whole
    complete_at = models.DateTimeField(null=True)  # when nothing was left to be carried over, the last time
    cleaned_at = models.DateTimeField(null=True)
    clean_below = models.BigIntegerField(default=0)  # what was gone at this step is taken out by the next cleaning
    fault = models.TextField(default="")  # why nobody may read it until it is filled anew

    class Meta:
        verbose_name_plural = "record copies"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_record_copy")]

    def __str__(self) -> str:
        return str(self.name)


class RecordChange(models.Model):
    """Records that are new, changed or gone, of which the copy has not heard. Written with the change itself."""

    # An organization. Not called so, since it outlives the purge of it: the copy has to hear of that.
    owner_id = models.BigIntegerField()
    first_at = models.DateTimeField()  # the records began from here
    last_at = models.DateTimeField()  # to here
    # 24 bytes of each, as `analytics.record_store.changes` packs them.
    keys = models.BinaryField(default=b"")
    count = models.PositiveIntegerField()  # 0: all from the first to the last, however many
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=("owner_id", "last_at"), name="record_change_by_owner")]

    def __str__(self) -> str:
        return f"{self.count} of {self.owner_id}"

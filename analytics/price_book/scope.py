"""Which posted records a price may concern."""

from datetime import datetime

import msgspec
from django.db.models import Q

from analytics.caps import OVERFLOW
from analytics.models import ModelPrice


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The records to price again when a price is saved, changed or deleted."""

    provider: str
    model: str
    organization_id: int | None
    starts_at: datetime
    ends_at: datetime | None  # exclusive

    @classmethod
    def of(cls, row: ModelPrice) -> "Scope":
        return cls(
            provider=row.provider,
            model=row.model,
            organization_id=row.organization_id,
            starts_at=row.effective_from,
            ends_at=row.effective_until,
        )

    def condition(self) -> Q:
        """Wide enough: whether a dated name is covered, and at what rates, is for the price book to say."""
        named = Q(model__iexact=self.model) | Q(model__istartswith=f"{self.model}-")
        requested = Q(model_requested__iexact=self.model) | Q(model_requested__istartswith=f"{self.model}-")
        concerned = named | (Q(model__in=["", OVERFLOW]) & requested) | ~Q(other_models=[])
        condition = Q(provider=self.provider, started_at__gte=self.starts_at) & concerned
        return condition if self.ends_at is None else condition & Q(started_at__lt=self.ends_at)

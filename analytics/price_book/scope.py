"""Which posted records a change of prices may concern."""

from datetime import datetime

import msgspec
from django.db.models import Q

from analytics.caps import OVERFLOW
from analytics.models import Discount, ModelPrice, PriceChange
from analytics.partitions.reading import began
from analytics.price_book import names


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """The records to price again. "" and None stand for all."""

    provider: str
    model: str
    organization_id: int | None
    starts_at: datetime | None
    ends_at: datetime | None  # exclusive

    @classmethod
    def of(cls, row: ModelPrice | Discount) -> "Scope":
        """When this price or discount is saved, changed or deleted."""
        return cls(
            provider=row.provider,
            model=row.model if isinstance(row, ModelPrice) else "",
            organization_id=row.organization_id,
            starts_at=row.effective_from,
            ends_at=row.effective_until,
        )

    @classmethod
    def of_change(cls, change: PriceChange) -> "Scope":
        return cls(**{name: getattr(change, name) for name in cls.__struct_fields__})

    def joined(self, other: "Scope") -> "Scope":
        """One for both, which are of the same provider and organization: for all models, from the earlier start on."""
        starts = None if self.starts_at is None or other.starts_at is None else min(self.starts_at, other.starts_at)
        ends = None if self.ends_at is None or other.ends_at is None else max(self.ends_at, other.ends_at)
        return Scope(
            provider=self.provider,
            model=self.model if self == other else "",
            organization_id=self.organization_id,
            starts_at=starts,
            ends_at=ends,
        )

    def condition(self) -> Q:
        """Wide enough: what a price really covers, and at what rates, is for the price book to say."""
        condition = self._named() if self.model else Q()
        if self.provider:
            condition &= Q(provider=self.provider)
        return condition & began(self.starts_at, self.ends_at)

    def _named(self) -> Q:
        named = Q(model__iexact=self.model) | Q(model__istartswith=f"{self.model}-")
        requested = Q(model_requested__iexact=self.model)
        hidden = Q(model__in=["", OVERFLOW], model_requested__istartswith=f"{self.model}-")
        condition = named | requested | hidden | ~Q(other_models=[])
        if not names.is_dated(self.model) and names.find_listed(self.provider, self.model):
            # The model behind an alias has a name of its own, with a date: any of the same family may be it.
            family = self.model.partition("-")[0]
            condition |= Q(model__istartswith=family, model__iregex=names.DATE)
            condition |= Q(model__in=["", OVERFLOW], model_requested__istartswith=family)
        return condition

"""Attribution: what an event says of the list it came from, and which feedback is a conversion.

An ``impression`` that names a list shows that the item was seen there. Any other event that names the list and speaks for the
item is a click on it, and one as strong as ``conversion_weight`` a conversion as well. Strong events that name no list, and
ratings from ``conversion_rating`` on, count for the last list that showed the item (``app.services.conversions``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from app.config import Settings
from app.errors import FieldError
from app.event_kinds import IMPRESSION, EventKind
from app.services.event_merge import EventRow
from app.services.event_rules import EventRules
from app.services.exposure_merge import Touch
from app.services.recommendation_ids import Recommendation, read_recommendation_id
from app.services.signing import Signer

Lists = dict[str, Recommendation | None]
"""What recommendation ids say, by id: None for one that no list has."""

_NO_KIND = EventKind()


@dataclass(frozen=True, slots=True)
class Attribution:
    """The rules: after ``window`` a list takes neither impressions, clicks nor conversions."""

    signer: Signer
    kinds: dict[str, EventKind]
    window: timedelta
    conversion_weight: float

    @classmethod
    def of(cls, settings: Settings, signer: Signer) -> Self:
        """The rules that the settings give."""
        kinds = EventRules.of(settings.event_kinds).kinds
        return cls(signer, kinds, timedelta(days=settings.attribution_days), settings.conversion_weight)

    def read(self, rows: Iterable[EventRow]) -> Lists:
        """What the ids that the rows name say; each id is looked at once."""
        names = {row.recommendation_id for row in rows if row.recommendation_id is not None}
        return {name: read_recommendation_id(self.signer, name) for name in names}

    def offence(self, row: EventRow, lists: Lists, now: datetime) -> FieldError | None:
        """An id that no list has, or an impression that comes too late to be counted and so says nothing. Other events are of use
        without their list."""
        if row.recommendation_id is None:
            return None
        recommendation = lists[row.recommendation_id]
        if recommendation is None:
            detail = "No list has this recommendation_id."
            return FieldError("/recommendation_id", "invalid_recommendation_id", detail)
        if row.kind == IMPRESSION and self._is_over(recommendation, now):
            detail = f"Impressions are counted for {self.window.days} days after the list was made."
            return FieldError("/recommendation_id", "recommendation_expired", detail)
        return None

    def touches(self, rows: Iterable[EventRow], lists: Lists, now: datetime) -> list[Touch]:
        """What the events say of the lists that they name."""
        named = ((row, lists[row.recommendation_id]) for row in rows if row.recommendation_id is not None)
        touches = (self._touch(row, recommendation, now) for row, recommendation in named if recommendation)
        return [touch for touch in touches if touch is not None]

    def _touch(self, row: EventRow, recommendation: Recommendation, now: datetime) -> Touch | None:
        weight = self._weight(row)
        shown = row.kind == IMPRESSION
        if self._is_over(recommendation, now) or (not shown and weight <= 0):
            return None
        converted = not shown and weight >= self.conversion_weight
        return Touch(row.user_id, row.session_id, row.item_id, recommendation, shown, not shown, converted)

    def conversions(self, rows: Iterable[EventRow]) -> list[EventRow]:
        """The events that are conversions of whichever list showed their item: strong ones that name none."""
        return [row for row in rows if row.recommendation_id is None and self._weight(row) >= self.conversion_weight]

    def _weight(self, row: EventRow) -> float:
        kind = self.kinds.get(row.kind, _NO_KIND)
        whole = kind.whole_above is None or (row.value or 0.0) > kind.whole_above
        return kind.weight if whole else kind.part_weight

    def _is_over(self, recommendation: Recommendation, now: datetime) -> bool:
        return now - recommendation.made_at > self.window

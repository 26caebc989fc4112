"""Cards: the few fields of an item that lists show, as JSON that is made once and then only copied."""

import datetime as dt
from collections.abc import Sequence

import orjson


def item_card(*, title: str, categories: Sequence[str], released_on: dt.date | None, image_url: str | None) -> bytes:
    """The card of an item: a JSON object."""
    return orjson.dumps(
        {"title": title, "categories": list(categories), "released_on": released_on, "image_url": image_url}
    )

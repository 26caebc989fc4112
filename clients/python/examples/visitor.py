"""A visitor's first minutes: onboarding, ratings, three pages, a search, why, not this one, and back.

python visitor.py http://127.0.0.1:8000 [SERVER KEY OR USER TOKEN OF THE VISITOR]
"""

import sys
from collections.abc import Iterable

from medley_client import Medley
from medley_client.answers import FoundItem, RankedItem, RankedList
from medley_client.inputs import EventIn

VISITOR = "visitor-1"


def main(url: str, bearer: str | None = None) -> None:
    with Medley(url, bearer=bearer) as medley:
        # Onboarding: the two largest categories, and no horror.
        liked = [each["category"] for each in medley.categories(limit=2)["categories"]]
        medley.set_preferences(VISITOR, liked={"categories": liked}, limits={"exclude_categories": ["Horror"]})
        first = medley.recommendations(VISITOR, limit=5)
        print(f"For somebody who likes {' and '.join(liked)}:", titles(first["items"]))

        # Ratings: the next list knows them.
        for row in first["items"][:2]:
            medley.rate(VISITOR, row["item_id"], 5)

        # Three pages of one list, which stays as it is while they scroll. What was on the screen is told.
        pages = medley.recommendations.pages(VISITOR, limit=5, explain=True)
        for number, page in zip(range(1, 4), pages, strict=False):
            print(f"Page {number}:", titles(page["items"]))
            medley.send_events([impression(page, row) for row in page["items"]])

        # A search, in the visitor's own order.
        word = first["items"][0]["item"]["title"].split()[0]
        print(f"Found for {word!r}:", titles(medley.search(word, user_id=VISITOR, limit=3)["items"]))

        # Why is the best one there? Not this one, please. And yet.
        best = medley.recommendations(VISITOR, limit=1)["items"][0]
        why = medley.explanation(VISITOR, best["item_id"])
        print(f"{best['item']['title']}:", "; ".join(reason["text"] for reason in why["reasons"]))
        medley.suppress_item(VISITOR, best["item_id"], days=30)
        why_not = medley.explanation(VISITOR, best["item_id"])
        print("Now it is left out:", "; ".join(obstacle["text"] for obstacle in why_not["obstacles"]))
        medley.undo_suppress_item(VISITOR, best["item_id"])
        print("And back at rank", medley.explanation(VISITOR, best["item_id"])["list_rank"])


def impression(page: RankedList, row: RankedItem) -> EventIn:
    seen: EventIn = {"kind": "impression", "user_id": VISITOR, "item_id": row["item_id"], "position": row["rank"]}
    return {**seen, "recommendation_id": page["recommendation_id"]}


def titles(rows: Iterable[RankedItem | FoundItem]) -> str:
    return ", ".join(row["item"]["title"] for row in rows)


if __name__ == "__main__":
    main(*sys.argv[1:])

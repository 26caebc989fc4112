"""The pages of a service that asks for keys, on a catalogue of another kind, before its first release."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from chromium import CARD, Visit
from conftest import LockedServer
from playwright.sync_api import expect

from app.services.user_tokens import mint_user_token

pytestmark = pytest.mark.xdist_group("browser")
BOOKS: list[dict[str, Any]] = [
    {"item_id": f"book/{number}", "title": title, "people": [{"name": author, "role": "author"}], "image_url": image}
    for number, (title, author, image) in enumerate(
        [
            ("Middlemarch", "George Eliot", "https://covers.example.com/middlemarch.jpg"),
            ("The Strange Case of Dr Jekyll and Mr Hyde", "Robert Louis Stevenson", "{base}/covers/none.jpg"),
            ("Œdipus at Colonus", "Sophocles", None),
            ("Donaudampfschifffahrtsgesellschaftskapitän", "Anonymous", None),
            ("雪国", "Kawabata Yasunari", None),
            ("It", "Stephen King", None),
        ]
    )
]
ASKED = "This service asks for an API key."


@pytest.fixture(scope="module")
def bookshop(locked: LockedServer) -> LockedServer:
    books = [book | {"image_url": (book["image_url"] or "").format(base=locked.base) or None} for book in BOOKS]
    headers = {"Authorization": f"Bearer {locked.key}"}
    answer = httpx.post(f"{locked.base}/v1/items:batch", json={"items": books}, headers=headers, timeout=60)
    assert answer.json()["counts"]["created"] == len(BOOKS), answer.text
    return locked


def give(visit: Visit, key: str) -> None:
    visit.page.get_by_label("API key").fill(key)
    visit.page.get_by_role("button", name="Use this key").click()


def test_the_storefront_asks_for_a_key_until_one_opens_it(locked_visit: Visit, bookshop: LockedServer) -> None:
    visit = locked_visit
    visit.forgive("the server responded with a status of 404")  # the cover that this server does not have
    page = visit.go("/")
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text(ASKED)
    assert visit.focused() == "API key"
    assert visit.violations() == []
    give(visit, "ключ")  # which no request can carry
    expect(dialog.locator("input:invalid")).to_have_value("ключ")
    give(visit, "medley_0000000000000000_wrong")
    expect(dialog).to_contain_text("That did not open it. The key or token is not valid.")
    # Who closes the question is not asked again, and can still answer it.
    page.keyboard.press("Escape")
    expect(page.locator(".key-bar")).to_contain_text(ASKED)
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Give a key").click()
    give(visit, bookshop.key)
    expect(page.locator(".key-bar")).to_be_hidden()

    page.get_by_role("link", name="Somebody new").click()
    # Without categories there is nothing to pick.
    page.locator(".onboarding", has_text="Middlemarch").wait_for()
    card = page.locator(f".onboarding {CARD}").first
    card.get_by_role("radio", name="10 of 10").click()
    page.get_by_role("button", name="Show my list").click()
    visit.rows.first.wait_for()
    expect(page.locator(".home .hero-note")).to_contain_text("Nothing has been trained yet")
    # Neither an image of another host nor one that does not come leaves a hole.
    expect(page.locator(".rows .card-cover:not(:has(svg.cover-art))")).to_have_count(0)
    expect(page.get_by_label("From year")).to_be_hidden()
    assert visit.violations() == []
    visit.screenshot("books-1440-light")

    kept = page.evaluate("[location.href, JSON.stringify(localStorage), document.cookie].join()")
    assert bookshop.key not in kept
    page.get_by_role("button", name="HTTP calls").click()
    page.locator(".call", has_text="/home").first.locator("summary").click()
    expect(page.locator("#calls")).to_contain_text("Authorization: Bearer $MEDLEY_KEY")
    assert bookshop.key not in page.content()
    # It goes with the tab.
    page = visit.another_tab()
    page.goto(f"{bookshop.base}/")
    expect(page.locator("dialog")).to_contain_text(ASKED)


def test_with_a_user_token_one_is_that_user(locked_visit: Visit, bookshop: LockedServer) -> None:
    visit = locked_visit
    visit.forgive("the server responded with a status of 40")
    visit.go("/")
    now = datetime.now(UTC)
    token = mint_user_token(bookshop.key, "ada/λ", ["read", "write"], now=now, lifetime=timedelta(hours=1))
    give(visit, token)
    visit.rows.first.wait_for()
    assert visit.visitor_id() == "ada/λ"
    # Five stars stand for a scale of ten, and what one stands for is what is stored.
    card = visit.rows.first
    item = visit.ids(".rows")[0]
    expect(card.get_by_role("radio")).to_have_count(5)
    card.get_by_role("radio", name="8 of 10").click()
    visit.told("8 of 10 for")
    page = visit.page
    page.goto(f"{visit.base}/#/item/{quote(item, safe='')}")
    expect(page.locator(".item-rate").get_by_role("radio", name="8 of 10")).to_be_checked()
    address = f"{visit.base}/v1/users/ada%2F%CE%BB/ratings/{quote(item, safe='')}"
    stored = httpx.get(address, headers={"Authorization": f"Bearer {bookshop.key}"}, timeout=60).json()
    assert stored["value"] == 8


def test_operations_asks_for_a_key_with_its_scopes(locked_visit: Visit, locked: LockedServer) -> None:
    visit = locked_visit
    page = visit.go("/ops")
    expect(page.locator("dialog")).to_contain_text("One with the scopes admin and read")
    # One that opens too little: what it cannot see is not called bad, and nobody is told so again and again.
    visit.forgive("the server responded with a status of 403")
    give(visit, locked.reader)
    expect(dialog := page.locator("dialog")).to_contain_text("That key is good, but not for this page")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator(".health", has_text="Needs a key with admin")).to_have_count(2)
    expect(page.locator(".health .light.bad")).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(0)
    page.get_by_role("button", name="Give a key").click()
    give(visit, locked.key)
    page.locator("#health", has_text="Ready").wait_for()
    page.locator("#health", has_text="Nobody trains").wait_for()
    expect(page.locator("#releases")).to_contain_text("No release yet")
    page.get_by_role("button", name="Train now").click()
    page.locator("#runs tr[data-state=queued]", has_text="waits for a worker").wait_for()
    assert visit.violations() == []

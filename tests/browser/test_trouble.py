"""The storefront while the service is slow, away or busy: what is said, what stays, and how one goes on."""

import json
import re
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest
from chromium import CARD, Visit
from playwright.sync_api import Error, Route, expect

pytestmark = pytest.mark.xdist_group("browser")
AWAY = "The service cannot be reached."


def problem(status: int, detail: str) -> Callable[[Route], None]:
    """Answers with this problem."""
    body = json.dumps(
        {"type": "about:blank", "title": "Trouble", "status": status, "detail": detail, "code": "trouble"}
    )
    return lambda route: route.fulfill(status=status, body=body, content_type="application/problem+json")


def test_rows_that_cannot_be_had_are_asked_for_again(visit: Visit) -> None:
    visit.forgive("the server responded with a status of 503")
    page = visit.become_newcomer("western")
    page.route("**/home?*", problem(503, "The database does not answer now."))
    page.get_by_role("button", name="Horror", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The database does not answer now.")
    page.unroute("**/home?*")
    page.get_by_role("button", name="Try again").click()
    visit.rows.first.wait_for()
    expect(page.locator(".rows .nothing")).to_have_count(0)
    # Nor does a word that stood in for the rows stay beside them.
    page.get_by_label("From year").fill("1900")
    page.get_by_label("To year").fill("1901")
    expect(page.locator(".rows")).to_have_text("Nothing fits these filters.")
    page.get_by_role("button", name="Clear").click()
    visit.rows.first.wait_for()
    expect(page.locator(".rows .nothing")).to_have_count(0)


def test_what_is_not_known_of_the_visitor_is_asked_for_again(visit: Visit) -> None:
    visit.forgive("the server responded with a status of 503")
    page = visit.become_newcomer("western")
    address = f"{visit.base}/v1/users/{visit.visitor_id()}/suppressions/categories/Horror"
    assert httpx.put(address, timeout=60).is_success
    # No star is shown before it is known what it stands for.
    page.route("**/v1/rating-scale", problem(503, "The database does not answer now."))
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The database does not answer now.")
    page.unroute("**/v1/rating-scale")
    page.get_by_role("button", name="Try again").click()
    visit.rows.first.wait_for()
    page.get_by_role("group", name="Not shown to you").get_by_role("button", name="Show Horror again").wait_for()


def test_titles_that_cannot_be_found_now_stay_or_are_asked_for_again(visit: Visit) -> None:
    visit.forgive("the server responded with a status of 429")
    page = visit.become_newcomer("western")
    searches = re.compile(r"/v1/search\?")
    page.route(searches, problem(429, "Too many requests. Try again in 3 seconds."))
    page.goto(f"{visit.base}/#/search?q=saloon")
    expect(page.get_by_role("alert")).to_contain_text("Too many requests.")
    page.unroute(searches)
    page.get_by_role("button", name="Try again").click()
    cards = page.locator(f".search-page {CARD}")
    cards.first.wait_for()
    expect(page.get_by_role("alert")).to_be_empty()
    # A deed is done, though its titles do not come.
    page.route(searches, problem(429, "Too many requests. Try again in 3 seconds."))
    before = visit.ids(".search-page")
    cards.first.get_by_role("radio", name="4 stars").click()
    visit.told("The titles are those from before: Too many requests.")
    assert visit.ids(".search-page") == before
    expect(cards.first.locator(".card-number.rated")).to_have_text("You gave 4.0")


def test_an_item_that_cannot_be_had_is_asked_for_again(visit: Visit) -> None:
    visit.forgive("the server responded with a status of 503")
    page = visit.become_newcomer("western")
    page.route("**/v1/items/western-20", problem(503, "The database does not answer now."))
    page.goto(f"{visit.base}/#/item/western-20")
    expect(page.get_by_role("alert")).to_contain_text("The database does not answer now.")
    page.unroute("**/v1/items/western-20")
    page.get_by_role("button", name="Try again").click()
    page.locator(".standing .verdict").wait_for()
    page.locator(f".item-page .row {CARD}").first.wait_for()


def test_a_rating_that_does_not_arrive_changes_nothing(visit: Visit) -> None:
    visit.forgive("net::ERR_CONNECTION_REFUSED")
    page = visit.become_newcomer("comedy")
    before = visit.first_row()
    page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    visit.rows.first.get_by_role("radio", name="4 stars").click()
    expect(page.locator(".toast")).to_contain_text(AWAY)
    visit.told(AWAY)
    assert visit.first_row() == before
    expect(page.locator(".rows .card-number.rated")).to_have_count(0)
    page.unroute("**/v1/**")
    # One that arrives while its rows do not is told to be there, and can be undone.
    page.route("**/home?*", lambda route: route.abort("connectionrefused"))
    visit.rows.first.get_by_role("radio", name="4 stars").click()
    visit.told("The rows are those from before")
    assert visit.first_row() == before
    expect(visit.rows.first.locator(".card-number.rated")).to_have_text("You gave 4.0")
    page.unroute("**/home?*")
    page.get_by_role("button", name="Undo").click()
    visit.told("taken back")


def test_a_page_of_the_list_that_is_refused_comes_when_it_is_asked_for_again(visit: Visit) -> None:
    visit.forgive("the server responded with a status of 429")
    page = visit.become_newcomer("horror")
    page.route(re.compile(r"/recommendations\?"), problem(429, "Too many requests. Try again in 3 seconds."))
    page.locator(".grid-end").scroll_into_view_if_needed()
    expect(page.locator(".grid-end")).to_contain_text("Too many requests")
    page.unroute(re.compile(r"/recommendations\?"))
    page.locator(".grid-end").get_by_role("button", name="Try again").click()
    page.locator(f".endless {CARD}").nth(17).wait_for()


def test_an_answer_that_comes_too_late_changes_nothing(visit: Visit) -> None:
    page = visit.become_newcomer("western")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile("/v1/search.*limit=7"), hold)
    with page.expect_request(re.compile("/v1/search.*limit=7")):
        page.keyboard.press("/")
        page.keyboard.type("saloon")
    page.keyboard.press("Enter")
    page.locator(f".search-page {CARD}").first.wait_for()
    for route in held:
        with suppress(Error):  # of one that the page has given up already
            route.continue_()
    # Later than any pause of the page after a key.
    page.evaluate("new Promise((done) => setTimeout(done, 300))")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.unroute(re.compile("/v1/search.*limit=7"))

    # Of two ratings of one item the second holds, though the first one takes longer.
    item = page.locator(f".search-page {CARD}").first.get_attribute("data-item")
    title = page.locator(f'.search-page li.card[data-item="{item}"]')
    slow: list[Route] = []

    def hold_the_first(route: Route) -> None:
        route.continue_() if slow else slow.append(route)

    page.route("**/ratings/*", hold_the_first)
    with page.expect_request("**/ratings/*"):
        title.get_by_role("radio", name="2 stars").click()
    title.get_by_role("radio", name="5 stars").click()
    slow[0].continue_()
    visit.told("5 stars for")
    page.unroute("**/ratings/*")
    assert visit.get(f"users/{visit.visitor_id()}/ratings/{item}")["value"] == 5
    expect(title.locator(".card-number.rated")).to_have_text("You gave 5.0")

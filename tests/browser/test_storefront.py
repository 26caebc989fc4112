"""The storefront in a real browser: what a visitor does there, and that the rows answer."""

import os
import re
import subprocess

import httpx
import pytest
from chromium import CARD, Visit
from playwright.sync_api import Request, expect


def impressions(request: Request) -> list[dict[str, str]]:
    """What a request tells to have been on the screen."""
    return request.post_data_json["events"] if request.url.endswith("/v1/events:batch") else []


# One server for all of them: xdist gives them to one of its processes.
pytestmark = pytest.mark.xdist_group("browser")


def test_a_newcomer_gets_a_list_of_their_own(visit: Visit) -> None:
    # From an address that nothing can be at there is a way back.
    page = visit.go("/#/item/100%")
    expect(page.locator("h1")).to_have_text("Not here")
    page.get_by_role("link", name="Back to the rows").click()
    # Whoever is chosen where the rows are to be has them there.
    page.locator(".person:not(.new) .person-button").first.click()
    visit.rows.first.wait_for()
    page.get_by_role("button", name="change visitor").click()
    page.get_by_role("link", name="Somebody new").click()
    page.get_by_role("button", name="Western").click()
    expect(page.get_by_role("button", name="Western")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Next: rate a few").click()
    for number in range(3):
        page.locator(f".onboarding {CARD}").nth(number).get_by_role("radio", name="5 stars").click()
    page.locator(".start-count", has_text="3 rated").wait_for()
    # Who tries again is no other newcomer.
    visit.forgive("net::ERR_CONNECTION_REFUSED")
    page.route("**/v1/ratings:batch", lambda route: route.abort("connectionrefused"))
    with page.expect_request("**/preferences") as stated:
        page.get_by_role("button", name="Show my list").click()
    visit.told("The service cannot be reached.")
    page.unroute("**/v1/ratings:batch")
    page.get_by_role("button", name="Show my list").click()
    visit.rows.first.wait_for()
    assert f"/users/{visit.visitor_id()}/" in stated.value.url

    assert len(visit.first_row()) == 12
    assert [each for each in visit.first_row()[:6] if not each.startswith("western")] == []
    assert visit.page.locator(".visitor-name").inner_text() == "You"


def test_a_rating_changes_the_rows_and_can_be_undone(visit: Visit) -> None:
    page = visit.become()
    before = visit.first_row()
    card = visit.rows.first
    assert page.locator(".rater").first.evaluate("each => getComputedStyle(each).getPropertyValue('--fill')") != "0"

    lists = page.locator(CARD).evaluate_all("cards => cards.map(card => card.entry.recommendation_id)")

    def shows_a_new_list(request: Request) -> bool:
        told = impressions(request)
        return any(each["item_id"] in before and each["recommendation_id"] not in lists for each in told)

    # What stays on the screen is of another list now, and told to be there.
    with page.expect_request(shows_a_new_list):
        card.get_by_role("radio", name="1 star", exact=True).click()
    # Told and seen: what moved up, what came, and what left on its way out.
    visit.told("In your rows")
    assert visit.witnessed("ghosts") > 0
    assert [each for each in visit.witnessed("badges") if re.search("Up [0-9]+", each)]
    assert re.search(r"^1 star for .* In your rows .*left", visit.witnessed("toasts")[-1])
    after = visit.first_row()
    assert before[0] not in after
    assert after[: len(before) - 1] != before[1:]

    page.get_by_role("button", name="Undo").click()
    visit.told("taken back")
    expect(page.locator(f'.rows li.card[data-item="{before[0]}"]')).to_have_count(1)
    assert set(visit.first_row()) == set(before)


def test_likes_and_dismissals_act_and_can_be_undone(visit: Visit) -> None:
    page = visit.become_newcomer("western")
    before = visit.first_row()
    page.get_by_role("button", name="Not for me").first.click()
    visit.told("stays away")
    assert before[0] not in visit.first_row()
    page.get_by_role("button", name="Undo").click()
    visit.told("may come back")
    assert before[0] in visit.first_row()

    liked = visit.first_row()[0]
    page.get_by_role("button", name=re.compile("^Like")).first.click()
    visit.told("You like")
    # It is still known to who comes again, and can be taken back.
    page.goto(f"{visit.base}/#/item/{liked}")
    page.reload()
    page.get_by_role("button", name="Liked").click()
    visit.told("no longer liked")
    page.get_by_role("button", name="Like", exact=True).wait_for()
    # Whoever comes next cannot undo it in their own name.
    page.get_by_role("button", name="change visitor").click()
    page.locator(".person:not(.new) .person-button").first.click()
    visit.rows.first.wait_for()
    assert page.locator(".toast").count() == 0


def test_undo_restores_a_rating_older_than_those_the_page_has_read(visit: Visit) -> None:
    visit.page.route(
        "**/ratings?limit=100", lambda route: route.continue_(url=route.request.url.replace("limit=100", "limit=1"))
    )
    page = visit.become_newcomer("western")
    address = f"users/{visit.visitor_id()}/ratings"
    newest = visit.get(address, limit=1)["ratings"][0]["item_id"]
    older = next(each["item_id"] for each in visit.get(address)["ratings"] if each["item_id"] != newest)

    def undo() -> None:
        page.get_by_role("button", name="Undo").click()

    # Where its stars were not shown.
    title = visit.get(f"items/{older}")["title"]
    page.goto(f"{visit.base}/#/search?q={title}")
    found = page.locator(f'.search-page li.card[data-item="{older}"]')
    expect(found.locator(".card-number.rated")).to_have_text("You gave 5.0")
    found.get_by_role("radio", name="2 stars").click()
    visit.told("2 stars for")
    undo()
    visit.told("5 stars for")
    assert visit.get(f"{address}/{older}")["value"] == 5
    # And where they are.
    page.goto(f"{visit.base}/#/item/{older}")
    page.reload()
    stars = page.locator(".item-rate")
    expect(stars.get_by_role("radio", name="5 stars")).to_be_checked()
    stars.get_by_role("radio", name="2 stars").click()
    visit.told("2 stars for")
    undo()
    visit.told("5 stars for")
    assert visit.get(f"{address}/{older}")["value"] == 5
    page.unroute("**/ratings?limit=100")


def test_a_category_and_an_item_are_hidden_and_come_back(visit: Visit) -> None:
    page = visit.become_newcomer("comedy")
    taste = visit.first_row()[0].partition("-")[0]
    of_taste = page.locator(f'.rows li.card[data-item^="{taste}-"]')
    page.get_by_role("button", name="Not for me").first.click()
    page.get_by_role("button", name=re.compile("No more")).click()
    expect(of_taste).to_have_count(0)
    visit.rows.first.wait_for()
    # It holds until it is taken back, also for who comes again.
    page.reload()
    visit.rows.first.wait_for()
    page.get_by_role("group", name="Not shown to you").get_by_role("button", name="Show").click()
    visit.told("may be shown again")
    of_taste.first.wait_for()
    expect(page.get_by_role("group", name="Not shown to you")).to_be_hidden()

    item = visit.first_row()[0]
    visit.rows.first.get_by_role("heading").get_by_role("link").click()
    page.get_by_role("button", name="Never show this").click()
    page.locator(".standing .verdict.out").wait_for()
    expect(page.get_by_role("button", name="Show this again")).to_be_focused()
    page.go_back()
    visit.rows.first.wait_for()
    assert item not in visit.ids(".rows")
    page.get_by_role("group", name="Not shown to you").get_by_role("button").click()
    page.locator(f'.rows li.card[data-item="{item}"]').wait_for()


def test_why_this_adds_up_and_what_is_like_it_says_in_what(visit: Visit) -> None:
    page = visit.become()
    why = page.get_by_role("button", name=re.compile("^Why")).first
    why.focus()
    name = visit.focused()
    page.keyboard.press("Enter")
    page.locator("dialog .legend-sum").wait_for()
    figures = [
        float(text.replace("\N{MINUS SIGN}", "-")) for text in page.locator("dialog .legend-value").all_inner_texts()
    ]
    assert len(figures) >= 3
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=0.006 * len(figures))
    assert page.locator("dialog .bar-part").count() == len(figures) - 1
    page.locator("dialog .evidence li", has_text="Because").first.wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(why).to_be_focused()
    assert visit.focused() == name

    visit.rows.first.get_by_role("heading").get_by_role("link").click()
    similar = page.locator(f".item-page .row {CARD}")
    similar.first.wait_for()
    for text in similar.locator(".card-number").all_inner_texts():
        assert re.search(r"[1-5]\.\d$", text)
    assert similar.locator(".card-number").count() == similar.count() > 5
    expect(similar.first.locator(".card-reason")).to_have_text(re.compile("people|what it is"))


def test_the_keyboard_alone_will_do(visit: Visit) -> None:
    page = visit.become_newcomer("horror")
    page.keyboard.press("Tab")
    assert visit.focused() == "Skip to the content"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    assert "#main" not in page.url

    calls = page.get_by_role("button", name="HTTP calls")
    calls.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#calls h2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(calls).to_be_focused()

    # The stars are one stop; arrows choose, and the focus stays with the item or with what took its place.
    card = visit.rows.nth(2)
    card.get_by_role("heading").get_by_role("link").focus()
    page.keyboard.press("Tab")
    assert visit.focused() == "1 star"
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert visit.focused() == "4 stars"
    page.keyboard.press("Enter")
    visit.told("4 stars for")
    expect(page.locator(".rows h3 a:focus")).to_have_count(1)
    page.keyboard.press("Control+z")
    visit.told("taken back")


def test_the_drawers_commands_run_in_a_shell(visit: Visit) -> None:
    page = visit.become_newcomer("horror")
    item = "o'brien/λ 100%?&#"
    body = {"title": 'Rosemary\'s "Baby" $HOME `ls`', "categories": ["Horror", "Film"]}
    address = f"{visit.base}/v1/items/o%27brien%2F%CE%BB%20100%25%3F%26%23"
    assert httpx.put(address, json=body, timeout=60).status_code in {200, 201}
    page.goto(f"{visit.base}/#/item/o'brien%2F%CE%BB%20100%25%3F%26%23")
    page.locator(".item-rate").get_by_role("radio", name="4 stars").click()
    visit.told("4 stars for")
    page.keyboard.press("/")
    page.keyboard.type("Rosemary's")
    page.get_by_role("option", name="Rosemary").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="HTTP calls").click()

    def run(method: str, part: str) -> str:
        call = page.locator(".call", has=page.locator(".method", has_text=method), has_text=part).first
        call.locator("summary").click()
        visit.hush()
        call.get_by_role("button", name="Copy").click()
        visit.told("Copied.")
        command = page.evaluate("navigator.clipboard.readText()")
        assert command == call.locator("pre").inner_text()
        environment = os.environ | {"MEDLEY_KEY": "any"}
        return subprocess.run(
            ["bash", "-euc", command], env=environment, capture_output=True, check=True, text=True
        ).stdout

    assert '"outcome":"unchanged"' in run("PUT", "ratings").replace(" ", "")
    assert item in run("GET", "/v1/search")
    assert "recommendation_id" in run("GET", "/home")
    page.keyboard.press("Escape")
    expect(page.locator("#calls")).to_be_hidden()
    assert httpx.delete(address, timeout=60).status_code == 204

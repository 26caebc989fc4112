"""Finding things in the storefront: search, filters, dials, scrolling. What the rows show is what the API answers."""

import httpx
import pytest
from chromium import CARD, Visit
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("browser")


def test_search_finds_what_is_mistyped_and_says_why_not(visit: Visit) -> None:
    page = visit.become_newcomer("horror")
    page.keyboard.press("/")
    page.keyboard.type("stagecoa")
    page.get_by_role("listbox", name="Found for “stagecoa”").wait_for()
    page.keyboard.press("ArrowDown")
    # What is pointed at stays pointed at in the next answer, which may come after the key.
    page.keyboard.type("hc")
    found = page.get_by_role("listbox", name="Found for “stagecoahc”")
    expect(found.get_by_role("option", name="Stagecoach", selected=True)).to_have_count(1)
    page.keyboard.press("Enter")
    page.locator(".item h1", has_text="Stagecoach").wait_for()
    page.locator(".standing .verdict").wait_for()
    page.locator(f".item-page .row {CARD}").first.wait_for()
    page.locator(".item-rate").get_by_role("radio", name="4 stars").click()
    page.locator(".standing .verdict.out").wait_for()
    expect(page.locator(".standing h2")).to_have_text("Why not?")


def test_people_are_found_with_what_they_are_in(visit: Visit) -> None:
    person = {"name": "Buster Keaton", "role": "actor"}
    body = {"title": "Sherlock Junior", "categories": ["Comedy", "Film"], "people": [person]}
    assert httpx.put(f"{visit.base}/v1/items/sherlock", json=body, timeout=60).status_code in {200, 201}
    page = visit.become_newcomer("comedy")
    page.keyboard.press("/")
    page.keyboard.type("buster keato")
    page.get_by_role("option", name="Sherlock Junior With Buster Keaton").wait_for()
    page.keyboard.press("Enter")
    found = page.locator(f".search-page {CARD}", has_text="Sherlock Junior")
    expect(found.locator(".card-reason")).to_have_text("With Buster Keaton")
    # What is found can be asked about on the spot.
    found.get_by_role("button", name="Why Sherlock Junior?").click()
    page.locator("dialog .verdict").wait_for()
    assert httpx.delete(f"{visit.base}/v1/items/sherlock", timeout=60).status_code == 204


def test_filters_and_dials_act_at_once(visit: Visit) -> None:
    page = visit.become_newcomer("western")
    user = visit.visitor_id()
    before = visit.first_row()

    def home(**query: object) -> None:
        found = visit.get(f"users/{user}/home", limit=12, **query)
        visit.until_first_row(found["rows"][0])

    def clear() -> None:
        page.get_by_role("button", name="Clear").click()
        visit.until_first_row({"items": [{"item_id": each} for each in before]})

    page.get_by_role("button", name="Horror", exact=True).click()
    home(category="Horror")
    assert [each for each in visit.first_row() if not each.startswith("horror")] == []
    clear()
    page.get_by_label("From year").fill("2000")
    home(released_from="2000-01-01")
    page.get_by_label("To year").fill("2004")
    home(released_from="2000-01-01", released_to="2004-12-31")
    years = page.locator('.row[data-key="for_you"] .card-meta').all_inner_texts()
    assert {text[:4] for text in years} <= {"2000", "2001", "2002", "2003", "2004"}
    clear()
    page.get_by_label("Rated").select_option("4 and up")
    home(min_rating=4)
    clear()
    for dial, value, name in (("Diversity", 0.8, "diversity"), ("Popularity", -1, "popularity")):
        page.get_by_role("slider", name=dial).fill(str(value))
        visit.until_first_row(visit.get(f"users/{user}/recommendations", **{"limit": 12, name: value}))
        assert visit.first_row() != before
        clear()


def test_three_pages_of_a_frozen_list_without_a_repeat(visit: Visit) -> None:
    page = visit.become(2)
    grid = page.locator(f".endless {CARD}")
    for more in (18, 36, 54):
        page.locator(".grid-end").scroll_into_view_if_needed()
        grid.nth(more - 1 if more < 54 else 40).wait_for()
    everything = visit.ids(".home")
    assert len(everything) == len(set(everything))

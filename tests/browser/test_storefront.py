"""The storefront in a real browser: what a visitor does there, and that the rows answer."""

import re

import pytest
from chromium import CARD, Visit
from playwright.sync_api import expect

# One server for all of them: xdist gives them to one of its processes.
pytestmark = pytest.mark.xdist_group("browser")


def test_a_newcomer_gets_a_list_of_their_own(visit: Visit) -> None:
    page = visit.go("/")
    page.get_by_role("link", name="Somebody new").click()
    page.get_by_role("button", name="Western").click()
    expect(page.get_by_role("button", name="Western")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Next: rate a few").click()
    for number in range(3):
        page.locator(f".onboarding {CARD}").nth(number).get_by_role("radio", name="5 stars").click()
    page.locator(".start-count", has_text="3 rated").wait_for()
    page.get_by_role("button", name="Show my list").click()
    visit.rows.first.wait_for()

    assert len(visit.first_row()) == 12
    assert [each for each in visit.first_row()[:6] if not each.startswith("western")] == []
    assert visit.page.locator(".visitor-name").inner_text() == "You"


def test_a_rating_changes_the_rows_and_can_be_undone(visit: Visit) -> None:
    page = visit.become()
    before = visit.first_row()
    card = visit.rows.first
    assert page.locator(".rater").first.evaluate("each => getComputedStyle(each).getPropertyValue('--fill')") != "0"

    card.get_by_role("radio", name="1 star", exact=True).click()
    visit.told("In your rows")
    after = visit.first_row()
    assert before[0] not in after
    assert after != before[1:]
    page.locator(".badge").first.wait_for()

    page.get_by_role("button", name="Undo").click()
    visit.told("taken back")
    expect(page.locator(f'.rows li.card[data-item="{before[0]}"]')).to_have_count(1)
    assert set(visit.first_row()) == set(before)


def test_likes_and_dismissals_act_and_can_be_undone(visit: Visit) -> None:
    page = visit.become(1)
    before = visit.first_row()
    page.get_by_role("button", name="Not for me").first.click()
    visit.told("stays away")
    assert before[0] not in visit.first_row()
    page.get_by_role("button", name="Undo").click()
    visit.told("may come back")
    assert before[0] in visit.first_row()

    page.get_by_role("button", name=re.compile("^Like")).first.click()
    visit.told("You like")


def test_why_this_adds_up(visit: Visit) -> None:
    page = visit.become()
    page.get_by_role("button", name=re.compile("^Why")).first.click()
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


def test_search_finds_what_is_mistyped_and_says_why_not(visit: Visit) -> None:
    page = visit.become()
    page.keyboard.press("/")
    page.keyboard.type("stagecoahc")
    option = page.get_by_role("option", name="Stagecoach").first
    option.wait_for()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.locator(".item h1", has_text="Stagecoach").wait_for()
    page.locator(".standing .verdict").wait_for()
    page.locator(f".item-page .row {CARD}").first.wait_for()
    seen = page.locator(".item-rate").get_by_role("radio", name="4 stars")
    seen.click()
    page.locator(".standing .verdict.out").wait_for()


def test_filters_and_dials_act_at_once(visit: Visit) -> None:
    page = visit.become()
    before = visit.first_row()
    page.get_by_role("button", name="Horror", exact=True).click()
    page.wait_for_function(
        "() => { const cards = [...document.querySelectorAll('.row[data-key=for_you] li.card[data-item]')];"
        " return cards.length > 5 && cards.every(card => card.dataset.item.startsWith('horror')); }"
    )
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function(
        f"() => document.querySelector('.row[data-key=for_you] li.card').dataset.item === '{before[0]}'"
    )
    page.get_by_label("From year").fill("2000")
    page.wait_for_function(
        "() => { const cards = [...document.querySelectorAll('.row[data-key=for_you] li.card[data-item]')];"
        " return cards.length > 5 && cards.every(card => card.entry.item.released_on >= '2000'); }"
    )
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function(
        f"() => document.querySelector('.row[data-key=for_you] li.card').dataset.item === '{before[0]}'"
    )
    page.get_by_role("slider", name="Diversity").fill("0.8")
    page.wait_for_function(
        f"() => [...document.querySelectorAll('.row[data-key=for_you] li.card[data-item]')]"
        f".map(card => card.dataset.item).join() !== '{','.join(before)}'"
    )


def test_three_pages_of_a_frozen_list_without_a_repeat(visit: Visit) -> None:
    page = visit.become(2)
    grid = page.locator(f".endless {CARD}")
    for more in (18, 36, 54):
        page.locator(".grid-end").scroll_into_view_if_needed()
        grid.nth(more - 1 if more < 54 else 40).wait_for()
    everything = visit.ids(".home")
    assert len(everything) == len(set(everything))


def test_the_drawer_shows_calls_as_curl(visit: Visit) -> None:
    page = visit.become()
    page.get_by_role("button", name="HTTP calls").click()
    call = page.locator(".call", has_text="/home").first
    call.locator("summary").click()
    text = call.locator("pre").inner_text()
    assert text.startswith(f"curl '{visit.base}/v1/users/")
    page.keyboard.press("Escape")
    expect(page.locator("#calls")).to_be_hidden()

"""The operations page in a real browser: train, watch, activate."""

import re

import httpx
import pytest
from chromium import Visit
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.xdist_group("browser")
OWN_LOOKS = """
medley_http_request_duration_seconds_count{route="/metrics",method="GET",status="2xx"} 100
medley_http_request_duration_seconds_count{route="/v1/training-runs",method="GET",status="2xx"} 20
medley_http_request_duration_seconds_count{route="/v1/releases",method="GET",status="2xx"} 10
"""
OTHERS = """
medley_http_request_duration_seconds_count{route="/v1/training-runs",method="POST",status="2xx"} 2
medley_http_request_duration_seconds_count{route="/v1/ratings",method="POST",status="2xx"} 5
"""


def answered(page: Page, metrics: str) -> float:
    """The requests of somebody else that the page finds in an answer of /metrics."""
    return page.evaluate(
        """async metrics => {
          const entry = document.querySelector("script[type=module]").src;
          const { parse, totals } = await import(entry.replace("main.js", "measures.js"));
          return totals(parse(metrics)).good;
        }""",
        metrics,
    )


def test_train_and_go_back_to_the_release_before(visit: Visit) -> None:
    page = visit.go("/ops")
    before = page.locator("#releases tr[data-active=true]")
    before.wait_for()
    old = before.get_attribute("data-release")

    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "training-runs" in answer.url
    ) as asked:
        page.get_by_role("button", name="Train now").click()
    run = page.locator(f'#runs tr[data-run="{asked.value.json()["id"]}"]')
    expect(run).to_have_attribute("data-state", "succeeded", timeout=180_000)
    page.locator(f'#releases tr[data-release="{old}"][data-active=false]').wait_for()

    # One click asks, another one does it; who thinks better of it leaves all as it is, and is where they were.
    back = page.get_by_role("button", name=f"Activate {old}")
    back.click()
    expect(page.locator("dialog")).to_contain_text(str(old))
    page.keyboard.press("Escape")
    expect(back).to_be_focused()
    back.click()
    page.get_by_role("button", name="Activate it").click()
    page.locator(f'#releases tr[data-release="{old}"][data-active=true]').wait_for()
    page.locator("#health", has_text=str(old)).wait_for()
    page.locator("#health", has_text="Ready").wait_for()
    page.locator("#health", has_text=re.compile("Waiting|waiting")).wait_for()

    # What happened a moment ago is in the plots.
    assert httpx.get(f"{visit.base}/v1/users/user-001/recommendations", timeout=60).status_code == 200
    for name in ("requests", "latency", "lengths"):
        page.locator(f"#plot-{name} canvas").wait_for()
    expect(page.locator("#plot-lengths .key-value")).to_have_text(re.compile("^(all|a sample of) [1-9]"))
    expect(page.locator("#source")).to_contain_text("the one serving process")
    expect(page.locator("#source")).to_contain_text("since this page was opened")
    assert answered(page, OWN_LOOKS + OTHERS) == 7
    assert visit.violations() == []
    visit.screenshot("ops-1440-light")

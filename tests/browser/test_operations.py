"""The operations page in a real browser: train, watch, activate."""

import re

import pytest
from chromium import Visit
from playwright.sync_api import expect

pytestmark = pytest.mark.xdist_group("browser")


def test_train_and_go_back_to_the_release_before(visit: Visit) -> None:
    page = visit.go("/ops")
    before = page.locator("#releases tr[data-active=true]")
    before.wait_for()
    old = before.get_attribute("data-release")
    runs = page.locator("#runs tr[data-run]").count()

    page.get_by_role("button", name="Train now").click()
    page.locator("#runs tr[data-run]").nth(runs).wait_for()
    # A fit takes seconds, on a machine that is busy with other tests many.
    newest = page.locator("#runs tr[data-run]").first
    expect(newest).to_have_attribute("data-state", re.compile("succeeded|rejected"), timeout=180_000)
    # What the defaults make of so small a catalogue is for the gate to say; a second release is needed all the same.
    page.request.post(f"{visit.base}/v1/training-runs", data={"force": True})
    page.locator("#runs tr[data-run]").nth(runs + 1).wait_for()
    expect(newest).to_have_attribute("data-state", "succeeded", timeout=180_000)
    page.locator(f'#releases tr[data-release="{old}"][data-active=false]').wait_for()

    page.get_by_role("button", name=f"Activate {old}").click()
    page.locator(f'#releases tr[data-release="{old}"][data-active=true]').wait_for()
    page.locator("#health", has_text=str(old)).wait_for()
    page.locator("#health", has_text="Ready").wait_for()
    page.locator("#plot-lengths canvas").wait_for()
    assert visit.violations() == []
    visit.screenshot("ops-1440-light")

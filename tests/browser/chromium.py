"""A visit with a real browser, and what the tests do and look for there."""

from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

FLAGS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 60_000.0
CARD = "li.card[data-item]"


class Visit:
    """One browser context with one page, on the pages of a server."""

    def __init__(self, browser: Browser, base: str, results: Path) -> None:
        self.base = base
        self.results = results
        self.complaints: list[str] = []
        self._browser = browser
        self.page = self._open(1440, "light", still=False)

    def _open(self, width: int, colours: Literal["light", "dark"], *, still: bool) -> Page:
        narrow = width < 500
        self._context = self._browser.new_context(
            viewport={"width": width, "height": 812 if narrow else 900},
            color_scheme=colours,
            reduced_motion="reduce" if still else "no-preference",
            has_touch=narrow,
        )
        self._context.set_default_timeout(PATIENCE_MS)
        page = self._context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._check_host(request.url))
        return page

    def reopen(self, width: int, colours: Literal["light", "dark"]) -> Page:
        """The same with a window of another width, in other colours, and without motion: for looking at."""
        self.close()
        self.page = self._open(width, colours, still=True)
        return self.page

    def close(self) -> None:
        self._context.close()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} {message.location}")

    def _check_host(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.complaints.append(f"a request to another host: {url}")

    def go(self, address: str) -> Page:
        """Open an address and wait until the page is ready."""
        self.page.goto(self.base + address)
        self.page.locator("html[data-ready]").wait_for(state="attached")
        return self.page

    def become(self, number: int = 0) -> Page:
        """Be one of the ready visitors, with their rows on the screen."""
        self.go("/#/who")
        self.page.locator(".person:not(.new) .person-button").nth(number).click()
        self.rows.first.wait_for()
        return self.page

    @property
    def rows(self) -> Locator:
        """The cards in the rows."""
        return self.page.locator(f".rows {CARD}")

    def ids(self, within: str) -> list[str]:
        """The items of the cards in a part of the page, in order."""
        return self.page.locator(f"{within} {CARD}").evaluate_all("cards => cards.map(card => card.dataset.item)")

    def first_row(self) -> list[str]:
        """The items of the first row."""
        return self.ids('.row[data-key="for_you"]')

    def told(self, text: str) -> None:
        """Wait until the live region says so."""
        self.page.locator("#live", has_text=text).wait_for(state="attached")

    def violations(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['html'][:160]} {node['failureSummary']}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]

    def screenshot(self, name: str) -> None:
        self.results.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.results / f"{name}.png")

"""A visit with a real browser, and what the tests do and look for there.

With MEDLEY_TEST_SLOW_BROWSER=6 the browser computes six times as slowly and each answer takes 300 ms more: so races show.
"""

import os
import uuid
from pathlib import Path
from typing import Any, Literal

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

FLAGS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 60_000.0
CARD = "li.card[data-item]"
SLOWER = float(os.environ.get("MEDLEY_TEST_SLOW_BROWSER", "1"))
# What comes and goes by itself is written down when it comes: whoever looks for it may come too late.
WITNESS = """
    window.witnessed = { ghosts: 0, badges: [], toasts: [] };
    new MutationObserver((records) => {
      for (const node of records.flatMap((record) => [...record.addedNodes])) {
        if (node.classList?.contains("ghost")) witnessed.ghosts += 1;
        if (node.classList?.contains("badge")) witnessed.badges.push(node.textContent);
        if (node.classList?.contains("toast")) witnessed.toasts.push(node.textContent);
      }
    }).observe(document, { childList: true, subtree: true });
"""


class Visit:
    """One browser context with one page, on the pages of a server."""

    def __init__(self, browser: Browser, base: str, results: Path) -> None:
        self.base = base
        self.results = results
        self.complaints: list[str] = []
        self._browser = browser
        self._forgiven: list[str] = []
        self.page = self._open(1440, "light", still=False)

    def _open(self, width: int, colours: Literal["light", "dark"], *, still: bool) -> Page:
        narrow = width < 500
        self._context = self._browser.new_context(
            viewport={"width": width, "height": 812 if narrow else 900},
            color_scheme=colours,
            reduced_motion="reduce" if still else "no-preference",
            has_touch=narrow,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self._context.set_default_timeout(PATIENCE_MS)
        return self._new_page()

    def _new_page(self) -> Page:
        page = self._context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._check_host(request.url))
        page.add_init_script(WITNESS)
        if SLOWER > 1:
            session = self._context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            session.send("Network.enable")
            delay = {"offline": False, "latency": 300, "downloadThroughput": -1, "uploadThroughput": -1}
            session.send("Network.emulateNetworkConditions", delay)
        return page

    def reopen(self, width: int, colours: Literal["light", "dark"]) -> Page:
        """The same with a window of another width, in other colours, and without motion: for looking at."""
        self.close()
        self.page = self._open(width, colours, still=True)
        return self.page

    def start_over(self) -> None:
        """A page that has just been opened and remembers nobody, in the same window."""
        self.page.unroute_all()  # of a test that failed between
        self.page.goto(self.base + "/health/live")
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.complaints.clear()
        self._forgiven.clear()

    def another_tab(self) -> Page:
        """A second tab of the same window, which becomes the page."""
        self.page = self._new_page()
        return self.page

    def close(self) -> None:
        self._context.close()

    def forgive(self, text: str) -> None:
        """Let the console say this: what the browser itself says of each answer that is an error."""
        self._forgiven.append(text)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(each in message.text for each in self._forgiven):
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
        """Be one of the ready visitors, with their rows on the screen. Others are the same one: what a test does in their name it
        takes back."""
        self.go("/#/who")
        self.page.locator(".person:not(.new) .person-button").nth(number).click()
        self.rows.first.wait_for()
        return self.page

    def become_newcomer(self, taste: str) -> Page:
        """Be somebody of one's own, who likes some of a taste of the small catalogue, with their rows on the screen."""
        user = f"guest-{uuid.uuid4().hex[:8]}"
        ratings = [{"user_id": user, "item_id": f"{taste}-{number:02}", "value": 5} for number in range(6)]
        httpx.post(f"{self.base}/v1/ratings:batch", json={"ratings": ratings}, timeout=60).raise_for_status()
        self.page.evaluate(
            "who => localStorage.setItem('medley-visitor', JSON.stringify(who))",
            {"id": user, "name": "You", "taste": [taste.title()]},
        )
        self.go("/")
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

    def get(self, path: str, **query: Any) -> Any:
        """What the API itself answers."""
        answer = httpx.get(f"{self.base}/v1/{path}", params=query, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until_first_row(self, found: dict[str, Any]) -> None:
        """Wait until the first row shows just what this answer of the API holds."""
        wanted = [each["item_id"] for each in found["items"]]
        assert wanted
        self.page.wait_for_function(
            "wanted => [...document.querySelectorAll('.row[data-key=for_you] li.card[data-item]')]"
            ".map(card => card.dataset.item).join() === wanted.join()",
            arg=wanted,
        )

    def focused(self) -> str:
        """What a screen reader would call the element that has the focus."""
        return self.page.evaluate(
            "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()"
        )

    def visitor_id(self) -> str:
        """Who the page is for."""
        return self.page.evaluate("JSON.parse(localStorage.getItem('medley-visitor')).id")

    def told(self, text: str) -> None:
        """Wait until the live region says so."""
        self.page.locator("#live", has_text=text).wait_for(state="attached")

    def hush(self) -> None:
        """Forget what the live region has said, where the same words are to come again."""
        self.page.locator("#live").evaluate("live => (live.textContent = '')")

    def witnessed(self, what: Literal["ghosts", "badges", "toasts"]) -> Any:
        """What has come since the page was opened, and may have gone by itself: how many ghosts, or the texts."""
        return self.page.evaluate(f"witnessed.{what}")

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

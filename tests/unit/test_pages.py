"""The pages for people as files: how they are cached and protected, how much they weigh, and that they name no other host."""

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.config import Settings
from app.main import create_app

pytestmark = pytest.mark.anyio
FIRST_VIEW_BYTES = 150_000
ASSET = re.compile(r'(?:src|href)="(/assets/[^"]+)"')
MODULE = re.compile(r'from "\./([\w./-]+)"')


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://medley.test") as opened:
        yield opened


async def everything_of(client: httpx.AsyncClient, page: str) -> dict[str, httpx.Response]:
    """A page and all that it names, and what that names."""
    found: dict[str, httpx.Response] = {}
    waiting = [page]
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        answer = found[address] = await client.get(address)
        assert answer.status_code == 200, address
        here = address.rpartition("/")[0]
        if "html" in answer.headers["content-type"]:
            waiting += ASSET.findall(answer.text)
        elif "javascript" in answer.headers["content-type"]:
            names = re.findall(r'from "(\.[\w./-]+)"', answer.text)
            waiting += [str(httpx.URL(f"http://x{here}/").join(name).path) for name in names]
        elif "css" in answer.headers["content-type"]:
            names = re.findall(r'url\("?([^")]+)"?\)', answer.text)
            waiting += [str(httpx.URL(f"http://x{here}/").join(name).path) for name in names]
    return found


@pytest.mark.parametrize("page", ["/", "/ops"])
async def test_a_page_and_all_that_it_names_is_light_safe_and_ours(client: httpx.AsyncClient, page: str) -> None:
    files = await everything_of(client, page)

    assert len(files) > 10
    sent = sum(int(answer.headers["content-length"]) for answer in files.values())
    assert sent < FIRST_VIEW_BYTES
    for address, answer in files.items():
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        if "text" in answer.headers["content-type"] and "/vendor/" not in address:
            addresses = set(re.findall(r"https?://[\w.-]+", answer.text)) - {"http://www.w3.org"}
            assert addresses == set(), address
            assert (
                not re.search(r"\son\w+=|style=\"|<style|javascript:", answer.text)
                or "javascript" in answer.headers["content-type"]
            )


@pytest.mark.parametrize("page", ["/", "/ops"])
async def test_every_module_is_asked_for_at_once(client: httpx.AsyncClient, page: str) -> None:
    text = (await client.get(page)).text
    files = await everything_of(client, page)
    preloaded = re.findall(r'rel="modulepreload" href="([^"]+)"', text)
    assert sorted(preloaded) == sorted(each for each in files if each.endswith(".js") and "/vendor/" not in each)


async def test_assets_are_kept_for_good_and_pages_asked_for_again(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    script = next(address for address in ASSET.findall(page.text) if address.endswith(".js"))
    asset = await client.get(script)

    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in asset.headers["cache-control"]
    for address, answer in (("/", page), (script, asset)):
        again = await client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert (await client.get(address, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_files_are_compressed_for_those_who_understand_it(client: httpx.AsyncClient) -> None:
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(gzip.compress(plain.content)) + 50
    assert packed.headers["vary"] == "Accept-Encoding"


async def test_an_address_of_another_version_is_answered_but_not_kept(client: httpx.AsyncClient) -> None:
    assert (await client.get("/assets/older/js/main.js")).headers["cache-control"] == "no-cache"
    for address in ("/assets/older/js/none.js", "/assets/older/index.html", "/assets/older/..%2F..%2Fpages.py"):
        answer = await client.get(address)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_vendored_files_carry_their_licence(client: httpx.AsyncClient) -> None:
    for name in ("fonts/fraunces-LICENSE.txt", "fonts/instrument-sans-LICENSE.txt", "vendor/uPlot-LICENSE.txt"):
        assert "Copyright" in (await client.get(f"/assets/x/{name}")).text


async def test_the_pages_can_be_left_out() -> None:
    transport = httpx.ASGITransport(app=create_app(Settings(pages=False)))
    async with httpx.AsyncClient(transport=transport, base_url="http://medley.test") as client:
        for address in ("/", "/ops", "/assets/x/js/main.js"):
            assert (await client.get(address)).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200

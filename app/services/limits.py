"""The limits of what is stored, one for every way in: the API's schemas and the importers refuse by the same ones.

A check gives a stable code and an English sentence, or None for what is fine. Nothing here knows HTTP or files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import orjson

LONGEST_ID = 256
LONGEST_TITLE = 500
LONGEST_DESCRIPTION = 20_000
LONGEST_LABEL = 100
MOST_LABELS = 100
LONGEST_NAME = 200
LONGEST_ROLE = 100
MOST_PEOPLE = 500
LONGEST_CERTIFICATE = 50
LONGEST_LANGUAGE = 35
LANGUAGE_PATTERN = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
LONGEST_ADDRESS = 2048
LONGEST_DURATION_MINUTES = 100_000
MOST_VOTES = 2**53
LARGEST_VOTE_MEAN = 1e6
LARGEST_VALUE = 1e12
"""Of a rating or an event; the scale of the ratings, which is a setting, lies within."""
FREE_JSON_BYTES = 65_536
FREE_JSON_DEPTH = 8
USER_ATTRIBUTES_BYTES = 8_192
FREE_JSON_NUMBER = 10**18
LONGEST_KIND = 64
LONGEST_RECOMMENDATION_ID = 1024
LARGEST_POSITION = 1_000_000
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
"""Times of feedback before this year are mistakes, such as seconds taken for milliseconds."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LANGUAGE = re.compile(LANGUAGE_PATTERN)


class Refusal(NamedTuple):
    """Why a value is refused: a stable code and an English sentence."""

    code: str
    detail: str


def refuse_text(value: str) -> Refusal | None:
    """What Postgres cannot hold: U+0000 and lone surrogates."""
    if not value.isascii() or "\0" in value:
        found = _UNSTORABLE.search(value)
        if found and found.group() == "\0":
            return Refusal("nul_character", "Text must not hold U+0000")
        if found:
            return Refusal("lone_surrogate", "Text must not hold half of a surrogate pair")
    return None


def refuse_length(value: str, longest: int, shortest: int = 1) -> Refusal | None:
    """Text that is too short or too long, or cannot be stored."""
    if not shortest <= len(value) <= longest:
        return Refusal("bad_length", f"Must have {shortest} to {longest} characters, not {len(value)}")
    return refuse_text(value)


def refuse_id(value: str) -> Refusal | None:
    """A client's id that is empty, too long, or would vanish from an address."""
    if value in {".", ".."}:
        return Refusal("reserved_id", "An id must not be '.' or '..'")
    return refuse_length(value, LONGEST_ID)


def refuse_language(value: str) -> Refusal | None:
    """What has not the form of a BCP 47 tag."""
    if len(value) > LONGEST_LANGUAGE or _LANGUAGE.fullmatch(value) is None:
        return Refusal("not_a_language", "Must be a BCP 47 tag such as en or pt-BR")
    return None


def refuse_address(value: str) -> Refusal | None:
    """What is no absolute http or https address."""
    if (refusal := refuse_length(value, LONGEST_ADDRESS, 0)) is not None:
        return refusal
    # Anything else, "javascript:" say, would become an attack on whoever shows it as a link.
    try:
        address = urlsplit(value)
        sound = (
            address.scheme in {"http", "https"} and bool(address.hostname) and value.isprintable() and " " not in value
        )
    except ValueError:
        sound = False
    return None if sound else Refusal("not_a_web_address", "Must be an absolute http or https address")


def refuse_labels(values: Sequence[str]) -> Refusal | None:
    """Too many labels, or one that is empty or too long."""
    if len(values) > MOST_LABELS:
        return Refusal("too_many", f"Must be at most {MOST_LABELS}, not {len(values)}")
    return next(filter(None, (refuse_length(value, LONGEST_LABEL) for value in values)), None)


def refuse_people(people: Sequence[Mapping[str, str]]) -> Refusal | None:
    """Too many people, or a name or role that is empty or too long."""
    if len(people) > MOST_PEOPLE:
        return Refusal("too_many", f"Must be at most {MOST_PEOPLE}, not {len(people)}")
    for person in people:
        refusal = refuse_length(person["name"], LONGEST_NAME)
        if refusal is None and "role" in person:
            refusal = refuse_length(person["role"], LONGEST_ROLE)
        if refusal is not None:
            return refusal
    return None


def refuse_user_attributes(value: Mapping[str, Any]) -> Refusal | None:
    """Attributes of a user that are no good free JSON, or longer than what is read with each list can be."""
    refusal = refuse_free_json(value)
    if refusal is None and len(orjson.dumps(value)) > USER_ATTRIBUTES_BYTES:
        return Refusal("too_long", f"Must not take more than {USER_ATTRIBUTES_BYTES} bytes as JSON")
    return refusal


def refuse_free_json(value: Mapping[str, Any]) -> Refusal | None:
    """Free JSON that is too deep, too long, or holds a number or text that could not be stored and read back."""
    if not value:
        return None
    level: list[Any] = [value]
    for _ in range(FREE_JSON_DEPTH):
        below: list[Any] = []
        for container in level:
            members: Iterable[Any] = (
                cast("dict[str, Any]", container).values() if isinstance(container, dict) else container
            )
            below += members
        # Postgres writes a large float as an integer of as many digits, which would not be accepted back.
        if any(isinstance(each, int | float) and not abs(each) <= FREE_JSON_NUMBER for each in below):
            return Refusal("number_out_of_range", "Numbers must lie between -1e18 and 1e18")
        level = [each for each in below if isinstance(each, dict | list)]
        if not level:
            break
    else:
        return Refusal("too_deep", f"Must not be nested more than {FREE_JSON_DEPTH} deep")
    return _refuse_json_text(value)


def _refuse_json_text(value: Mapping[str, Any]) -> Refusal | None:
    try:
        text = orjson.dumps(value)
    except TypeError:
        return Refusal("lone_surrogate", "Text must not hold half of a surrogate pair")
    if b"\\u0000" in text and _holds_nul(value):
        return Refusal("nul_character", "Text must not hold U+0000")
    if len(text) > FREE_JSON_BYTES:
        return Refusal("too_long", f"Must not take more than {FREE_JSON_BYTES} bytes as JSON")
    return None


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return any("\0" in name or _holds_nul(member) for name, member in pairs)
    return isinstance(value, list) and any(map(_holds_nul, cast("list[Any]", value)))

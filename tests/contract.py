"""The description of the API as a script: what each operation's worked example sends, and whether an answer is as described."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema

DESCRIPTION = json.loads((Path(__file__).parents[1] / "docs" / "openapi.json").read_text(encoding="utf-8"))
JSON, PROBLEM = "application/json", "application/problem+json"
# What tells one answer from another is the same word in the example; all else may have another value.
WORDS = frozenset({"$.kind", "$.code", "$.title", "$.detail", "$.type", "$.cause"})
FREE = (".attributes", ".metrics", ".parameters", ".counts", ".contributions", ".signals", ".libraries")


@dataclass(frozen=True)
class Operation:
    """One operation as it is described."""

    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.described["operationId"]

    @property
    def query(self) -> dict[str, Any]:
        """The query parameters with their examples or, without one, their defaults."""
        parameters = [each for each in self.described.get("parameters", []) if each["in"] == "query"]
        return {each["name"]: _example(each["schema"]) for each in parameters}

    @property
    def required_query(self) -> dict[str, Any]:
        """Those of them that every call needs."""
        needed = {each["name"] for each in self.described.get("parameters", []) if each.get("required")}
        return {name: value for name, value in self.query.items() if name in needed}

    @property
    def body(self) -> Any:
        """The example of what is sent; None where nothing is."""
        if "requestBody" not in self.described:
            return None
        return shown(self.described["requestBody"]["content"][JSON])

    def address(self, query: Mapping[str, Any], **names: str) -> str:
        """The address with the examples of its parts, or with ``names`` in their place."""
        path = self.path
        for each in self.described.get("parameters", []):
            if each["in"] == "path":
                text = names.get(each["name"], _example(each["schema"]))
                path = path.replace(f"{{{each['name']}}}", quote(text, safe=""))
        return f"{path}?{urlencode(query, doseq=True)}" if query else path

    def response(self, status: int) -> Mapping[str, Any]:
        """What is described of answers with this status."""
        described = self.described["responses"].get(str(status))
        assert described is not None, f"{self.id} answered {status}, which is not described"
        return (
            DESCRIPTION["components"]["responses"][described["$ref"].rpartition("/")[2]]
            if "$ref" in described
            else described
        )


def operations() -> list[Operation]:
    """Every operation, in the order of the description."""
    return [
        Operation(method.upper(), path, described)
        for path, methods in DESCRIPTION["paths"].items()
        for method, described in methods.items()
    ]


def shown(media: Mapping[str, Any]) -> Any:
    """The example of a body: its own, else that of its schema."""
    if "example" in media:
        return media["example"]
    if media["schema"].get("$ref", "").endswith("/Problem"):
        return DESCRIPTION["components"]["responses"]["422"]["content"][PROBLEM]["example"]
    return _example(resolved(media["schema"]))


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference means."""
    return DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _example(schema: Mapping[str, Any]) -> Any:
    if "examples" in schema:
        return schema["examples"][0]
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    return {name: _example(each) for name, each in schema.get("properties", {}).items()} or None


def faults(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What is not as the schema says."""
    whole = {**schema, "components": DESCRIPTION["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def differences(example: Any, answer: Any, place: str = "$") -> Iterator[str]:
    """Where an answer is of another form than the example: fields that it does not show, other types, other words.

    Objects are compared field by field, of lists the first element. What is null in one of them may be anything in the other.
    """
    if example is None or answer is None:
        return
    if _kind(example) != _kind(answer):
        yield f"{place} is {answer!r}, and {example!r} in the example"
    elif isinstance(example, dict):
        # Free JSON, and figures by name, have names of their own.
        if not place.endswith(FREE):
            for name in answer.keys() - example.keys():
                yield f"{place}.{name} is not in the example"
            for name in answer.keys() & example.keys():
                yield from differences(example[name], answer[name], f"{place}.{name}")
    elif isinstance(example, list):
        for one, other in zip(example[:1], answer[:1], strict=False):
            yield from differences(one, other, f"{place}[0]")
    elif place in WORDS and example != answer:
        yield f"{place} is {answer!r}, and {example!r} in the example"


def _kind(value: Any) -> str:
    return "number" if type(value) in {int, float} else type(value).__name__

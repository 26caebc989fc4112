"""The description of the API: the one in the repository, and an example and an explanation of every operation."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.openapi import render_openapi


def test_the_description_in_the_repository_is_the_present_one() -> None:
    stored = Path(__file__).parents[2] / "docs" / "openapi.json"
    assert stored.read_text(encoding="utf-8") == render_openapi(), "run `medley openapi`"


def operations() -> list[Any]:
    schema = json.loads(render_openapi())
    return [
        pytest.param(operation, schema["components"]["schemas"], id=operation["operationId"])
        for methods in schema["paths"].values()
        for operation in methods.values()
    ]


def has_example(content: dict[str, Any], schemas: dict[str, Any]) -> bool:
    media = next(iter(content.values()))
    schema = media["schema"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    properties = schema.get("properties", {}).values()
    return bool({"example", "examples"} & (media.keys() | schema.keys())) or (
        bool(properties) and all("examples" in each for each in properties)
    )


@pytest.mark.parametrize(("operation", "schemas"), operations())
def test_every_operation_is_documented(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert len(operation["tags"]) == 1
    assert "422" in operation["responses"]
    if "requestBody" in operation:
        assert has_example(operation["requestBody"]["content"], schemas)
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        fields = schemas[body["$ref"].rpartition("/")[2]]["properties"] if "$ref" in body else {}
        assert not fields.keys() & {"query", "path", "header"}, "pointers to these would be ambiguous"
    for status, response in operation["responses"].items():
        if status < "300" and status != "204":
            assert has_example(response["content"], schemas)
    for parameter in operation.get("parameters", []):
        assert (
            parameter["in"] != "path"
            or "example" in parameter
            or "examples" in parameter
            or "examples" in parameter["schema"]
        )


def test_every_call_about_ratings_has_a_worked_example() -> None:
    description = json.loads(render_openapi())
    schemas = description["components"]["schemas"]
    found: set[str] = set()
    for methods in description["paths"].values():
        for operation in methods.values():
            if "Ratings" not in operation.get("tags", []):
                continue
            found.add(operation["operationId"])
            answers = [answer for status, answer in operation["responses"].items() if status in {"200", "201"}]
            for part in [operation.get("requestBody", {}), *answers]:
                for media in part.get("content", {}).values():
                    examples = media.get("examples") or schemas[media["schema"]["$ref"].rsplit("/")[-1]]["examples"]
                    assert examples, operation["operationId"]
    assert found == {
        "post_rating", "post_ratings", "list_ratings", "get_rating", "put_rating", "delete_rating", "get_rating_scale",
    }  # fmt: skip

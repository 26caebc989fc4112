"""The Python client says what the OpenAPI document says: calls, parameters, the fields of bodies and answers."""

import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from medley_client import answers, inputs, requests, stored
from medley_client.clients import Calls
from medley_client.requests import Request

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
ENTRY = {"item_id": "a", "kind": "play"}
ARGUMENTS: dict[str, Any] = {
    "history": [ENTRY],
    "event": ENTRY,
    "events": [ENTRY],
    "rows": [{"item_id": "a", "title": "A"}],
    "ratings": [{"user_id": "u", "item_id": "a", "value": 3}],
    "item_ids": ["a", "b"],
    "attributes": {"country": "NZ"},
    "value": 4.0,
}
RENAMED = {"Tastes": "TastesIn", "Limits": "LimitsIn"}


def typed_dicts(module: ModuleType) -> dict[str, Any]:
    """What a module defines itself, but for what it is put together from."""
    found = {name: each for name, each in vars(module).items() if is_typeddict(each) and name[0] != "_"}
    return {name: each for name, each in found.items() if each.__module__ == module.__name__}


def described(name: str) -> Request[Any]:
    """A call's request, with every query parameter that it knows."""
    function = getattr(requests, name)
    signature = inspect.signature(function)
    arguments: dict[str, Any] = {}
    query = {}
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            query = get_type_hints(function)[parameter.name].__args__[0].__annotations__
        elif parameter.default is inspect.Parameter.empty:
            arguments[parameter.name] = ARGUMENTS.get(parameter.name, "x")
        elif parameter.name == "limit":
            arguments["limit"] = 3
    return function(**arguments, **dict.fromkeys(query, "x"))


CALLS = [name for name, value in vars(Calls).items() if not name.startswith("_")]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_one_of_the_document_with_all_its_query_parameters(name: str) -> None:
    request = described(name)
    operation = DOCUMENT["paths"][request.path][request.method.lower()]
    parameters = operation.get("parameters", [])

    assert set(request.ids) == {each["name"] for each in parameters if each["in"] == "path"}
    assert set(request.query) == {each["name"] for each in parameters if each["in"] == "query"}
    assert (request.body is not None) == ("requestBody" in operation)


def enumerated(schema: dict[str, Any]) -> set[str]:
    """The values that a parameter may have, or each of its elements; none if any."""
    return set(schema.get("enum") or schema.get("items", {}).get("enum") or ())


def test_what_has_few_values_has_those_of_the_document() -> None:
    paths = {
        inputs.ChartQuery: "/v1/popular",
        inputs.TrendingQuery: "/v1/trending",
        inputs.SimilarQuery: "/v1/items/{item_id}/similar",
        inputs.RecommendationQuery: "/v1/users/{user_id}/recommendations",
    }
    for query, path in paths.items():
        allowed = {each["name"]: enumerated(each["schema"]) for each in DOCUMENT["paths"][path]["get"]["parameters"]}
        for name, annotation in get_type_hints(query).items():
            arguments = get_args(annotation)
            literal = arguments[0] if arguments and get_origin(arguments[0]) is Literal else annotation
            if get_origin(literal) is Literal:
                assert set(get_args(literal)) == allowed[name], (path, name)


@pytest.mark.parametrize(
    ("name", "fields"),
    [(name, each) for module in (answers, stored) for name, each in typed_dicts(module).items()],
)
def test_an_answer_has_the_fields_of_its_schema(name: str, fields: Any) -> None:
    schema = SCHEMAS[name]
    assert set(fields.__annotations__) == set(schema["properties"])
    if name not in {"Card", "CatalogueItem"}:  # what they hold depends on the parameter `fields`
        assert fields.__required_keys__ == set(schema["required"])


@pytest.mark.parametrize("name", ["Tastes", "Limits", "HistoryEntry", "RatingIn", "EventIn", "ItemIn", "ItemRow"])
def test_a_body_has_the_fields_of_its_schema(name: str) -> None:
    schema = SCHEMAS[RENAMED.get(name, name)]
    fields = getattr(inputs, name)
    assert set(fields.__annotations__) == set(schema["properties"])
    assert fields.__required_keys__ == set(schema.get("required", []))

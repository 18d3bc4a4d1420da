"""The OpenAPI document: every operation explained, tagged, secured and exampled, its answers in the envelope; served locally."""

import json
import re
from uuid import uuid4

import pytest
import yaml
from django.core.management import CommandError, call_command
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator, ValidationError

from api.openapi_examples import _sample
from core.registry import scopes
from events.catalogue import event_types
from webhooks import signing
from webhooks.fanout import body_text

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture(scope="module")
def operations(schema):
    return {
        f"{method.upper()} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def resolve(schema, part):
    while "$ref" in part:
        found = schema
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def wrong(operations, check):
    """The operations for which `check` does not hold."""
    return [name for name, operation in operations.items() if not check(operation)]


class TestOperations:
    def test_there_are_some_and_all_under_version_1(self, schema):
        assert len(schema["paths"]) > 25
        assert all(path.startswith("/api/v1/") for path in schema["paths"])
        assert schema["openapi"].startswith("3.1")

    def test_each_has_a_summary_a_description_and_a_tag_of_its_module(self, operations):
        assert wrong(operations, lambda o: o.get("summary") and o.get("description")) == []
        assert wrong(operations, lambda o: len(o["tags"]) == 1) == []

    def test_each_name_is_its_own(self, operations):
        names = [operation["operationId"] for operation in operations.values()]
        assert len(names) == len(set(names))

    def test_each_tells_the_errors_it_can_give_in_both_shapes(self, schema, operations):
        for name, operation in operations.items():
            expected = {"400", "401", "403", "404", "429", "500", "503"}
            if not name.startswith("GET"):
                expected |= {"409", "413", "415"}
            assert expected <= set(operation["responses"]), name
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    content = resolve(schema, response)["content"]
                    assert set(content) == {"application/json", "application/problem+json"}, f"{name} {status}"

    def test_each_success_is_in_the_envelope_and_each_list_tells_its_paging(self, schema, operations):
        for name, operation in operations.items():
            for status, response in operation["responses"].items():
                body = resolve(schema, response).get("content", {}).get("application/json")
                if not status.startswith("2") or body is None:
                    continue
                shape = resolve(schema, body["schema"])
                assert shape["required"] == ["success", "data", "meta"], name
                paged = "page_size" in {resolve(schema, p)["name"] for p in operation.get("parameters", [])}
                assert ("pagination" in resolve(schema, shape["properties"]["meta"])["properties"]) == paged, name

    def test_each_answer_tells_its_headers(self, schema, operations):
        for name, operation in operations.items():
            for response in operation["responses"].values():
                assert {"X-Request-ID", "RateLimit", "RateLimit-Policy"} <= set(resolve(schema, response)["headers"]), name

    def test_waiting_times_are_told_where_waiting_helps(self, schema, operations):
        responses = next(iter(operations.values()))["responses"]
        for status in ("429", "503"):
            assert "Retry-After" in resolve(schema, responses[status])["headers"]

    def test_restricted_operations_name_both_ways_to_sign_in(self, operations):
        both = [{"BearerAuth": []}, {"ApiKeyAuth": []}]
        for name, operation in operations.items():
            security = [entry for entry in operation.get("security", []) if entry]
            assert security in (both, []), name
        assert operations["GET /api/v1/users/"]["security"] == both

    def test_the_scope_a_key_needs_is_told_and_exists(self, operations):
        named = {scope for o in operations.values() for scope in re.findall(r"scope `([^`]+)`", o["description"])}
        assert named <= set(scopes())
        assert {"users:read", "users:write", "logs:read"} <= named
        assert "API keys get 403" in operations["POST /api/v1/auth/logout/"]["description"]

    def test_every_body_has_an_example(self, schema, operations):
        for name, operation in operations.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for body in bodies:
                for media_type, content in resolve(schema, body).get("content", {}).items():
                    # One shape says it for every problem document.
                    if media_type == "application/json":
                        assert "example" in content or "examples" in content, name

    def test_posts_that_honour_it_document_the_idempotency_key(self, operations):
        def has(name):
            return "Idempotency-Key" in {p.get("name") for p in operations[name].get("parameters", [])}

        assert has("POST /api/v1/users/")
        assert "422" in operations["POST /api/v1/users/"]["responses"]
        assert not has("POST /api/v1/auth/login/")
        assert not has("GET /api/v1/users/")

    def test_no_password_or_key_is_in_an_answer_that_lists_them(self, schema):
        for name, shape in schema["components"]["schemas"].items():
            if "Request" not in name:
                assert not {"password", "digest", "new_password"} & set(shape.get("properties", {})), name

    def test_every_reference_leads_somewhere(self, schema):
        text = yaml.safe_dump(schema)
        for reference in set(re.findall(r"\$ref: '?(#/[^\s']+)", text)):
            resolve(schema, {"$ref": reference})


class TestWebhooks:
    def test_there_is_one_for_each_event_type_and_its_payload_is_a_schema(self, schema):
        assert set(schema["webhooks"]) == {kind.name for kind in event_types()}
        for kind in event_types():
            operation = schema["webhooks"][kind.name]["post"]
            assert operation["summary"] == kind.name
            assert operation["description"] == kind.description
            assert operation["security"] == []
            assert {"2XX", "410", "429", "default"} == set(operation["responses"])

    def test_its_headers_are_the_ones_that_deliveries_carry(self, schema):
        signed = signing.headers(event_id=uuid4(), timestamp=1_768_469_400, body=b"{}", keys=[b"k" * 32])
        for item in schema["webhooks"].values():
            parameters = [resolve(schema, parameter) for parameter in item["post"]["parameters"]]
            assert {parameter["name"] for parameter in parameters} == set(signed)
            for parameter in parameters:
                Draft202012Validator(parameter["schema"]).validate(signed[parameter["name"]])

    def test_its_body_is_what_deliveries_send(self, schema):
        for kind in event_types():
            content = schema["webhooks"][kind.name]["post"]["requestBody"]["content"]["application/json"]
            shape = {**content["schema"], "components": schema["components"]}
            place = ("user:1", 7) if kind.streams else (None, None)
            sent = body_text(
                kind=kind.name,
                moment="2026-01-15T09:30:00Z",
                event_id=uuid4(),
                stream=place[0],
                seq=place[1],
                data=json.dumps(kind.example()).encode(),
            )
            for body in (json.loads(sent), content["example"]):
                Draft202012Validator(shape).validate(body)
                assert set(body) == set(shape["required"])
            with pytest.raises(ValidationError):
                Draft202012Validator(shape).validate({**json.loads(sent), "data": {}})


class TestExamples:
    @pytest.mark.parametrize(
        ("shape", "example"),
        [
            ({"type": "boolean"}, True),
            ({"type": "number"}, 12.5),
            ({"type": "integer", "minimum": 5}, 5),
            ({"type": ["string", "null"], "format": "date"}, "2026-01-15"),
            ({"type": "string", "maxLength": 2}, "te"),
            ({"enum": ["b", "a"]}, "b"),
            ({"default": 7}, 7),
            ({"examples": ["x"]}, "x"),
            ({"oneOf": [{"type": "boolean"}]}, True),
            ({"type": "array", "items": {"const": 1}}, [1]),
            ({"type": "object", "properties": {"id": {"type": "boolean"}}}, {"id": True}),
            ({"$ref": "#/components/schemas/Missing"}, {}),
        ],
    )
    def test_an_example_fits_its_shape(self, shape, example):
        assert _sample(shape, {}, "", 0) == example

    def test_a_shape_that_holds_itself_ends(self):
        loop = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}}
        assert "next" in _sample(loop, {"Loop": loop}, "", 0)


@pytest.mark.django_db
class TestServing:
    def test_the_document_is_served_to_everybody(self, api):
        response = api.get("/api/schema/")
        assert response.status_code == 200
        assert "openapi" in yaml.safe_load(response.content)

    @pytest.mark.parametrize("path", ["/api/docs/", "/api/redoc/"])
    def test_the_viewers_need_nothing_from_elsewhere(self, api, path):
        response = api.get(path)
        assert response.status_code == 200
        page = response.content.decode()
        assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page)
        assert "/static/" in page


class TestSnapshot:
    def test_another_document_is_refused_with_what_differs_and_writing_makes_it_the_kept_one(
        self, schema, tmp_path, monkeypatch, capsys
    ):
        # Generating takes seconds, and each comparison would do it again.
        monkeypatch.setattr("api.management.commands.check_schema.SchemaGenerator.get_schema", lambda *args, **kwargs: schema)
        kept = tmp_path / "docs" / "openapi.yaml"
        monkeypatch.setattr("api.management.commands.check_schema.SNAPSHOT", kept)
        with pytest.raises(CommandError, match="The API changed"):
            call_command("check_schema")
        call_command("check_schema", "--write")
        call_command("check_schema")
        assert "as committed" in capsys.readouterr().out
        kept.write_text(kept.read_text().replace("Sign in", "Sign out"))
        with pytest.raises(CommandError, match="Sign out"):
            call_command("check_schema")


def test_a_shape_that_is_listed_with_pages_and_with_cursors_is_described_as_both(schema):
    def paging(path):
        content = schema["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        return str(content)

    assert "PagePagination" in paging("/api/v1/chat/rooms/")
    assert "CursorPagination" in paging("/api/v1/chat/rooms/discover/")

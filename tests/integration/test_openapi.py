"""docs/openapi.yaml by itself, against the code, and every example of it sent to a stack."""
import re
import unittest

import jsonschema

import openapi
from harness import ROOT
from test_docs import answered_codes, nginx_codes, source

DOCUMENT = openapi.load()
WHOLE = openapi.resolved(DOCUMENT, DOCUMENT)
OF_NGINX = {"GET /openapi.yaml"}


def operations(document):
    """(method, path, operation, parameters) of each."""
    for path, item in document["paths"].items():
        for method in openapi.METHODS:
            if method in item:
                yield (method.upper(), path, item[method],
                       item.get("parameters", []) + item[method].get("parameters", []))


def nodes(node, path="#"):
    """Every object within, with its place."""
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            yield from nodes(value, f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from nodes(value, f"{path}/{i}")


def values_of(holder):
    """The example, or the examples, of a parameter, header or media type."""
    if "example" in holder:
        yield holder["example"]
    for example in holder.get("examples", {}).values():
        yield example["value"]


def problem_codes(response):
    """The codes that this response may have."""
    schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
    codes = [part["properties"]["code"] for part in (schema, *schema.get("oneOf", []))
             if "properties" in part]
    return {name for code in codes for name in code.get("enum", [code.get("const")])}


class Document(unittest.TestCase):
    """The rules of OpenAPI 3.1 that a mistake is likely to break."""

    def test_every_reference(self):
        used = set()
        for place, node in nodes(DOCUMENT):
            if isinstance(node.get("$ref"), str):
                with self.subTest(place=place):
                    openapi.lookup(DOCUMENT, node["$ref"])
                used.add(node["$ref"])
        there = {f"#/components/{kind}/{name}" for kind, members in DOCUMENT["components"].items()
                 if kind != "securitySchemes" for name in members}
        self.assertEqual(there, used)

    def test_every_operation(self):
        seen = set()
        for method, path, operation, parameters in operations(WHOLE):
            with self.subTest(operation=f"{method} {path}"):
                self.assertNotIn(operation["operationId"], seen)
                seen.add(operation["operationId"])
                self.assertTrue(operation["summary"])
                self.assertIn(operation["tags"][0], [tag["name"] for tag in WHOLE["tags"]])
                self.assertIn("default", operation["responses"])
                for status, response in operation["responses"].items():
                    self.assertRegex(status, r"^([1-5]\d\d|default)$")
                    self.assertTrue(response["description"])
                places = [(p["in"], p["name"]) for p in parameters]
                self.assertEqual(len(places), len(set(places)))
                self.assertEqual(set(re.findall(r"\{(\w+)\}", path)),
                                 {p["name"] for p in parameters if p["in"] == "path" and p["required"]})

    def test_security(self):
        schemes = set(DOCUMENT["components"]["securitySchemes"])
        used = {name for _, _, operation, _ in operations(DOCUMENT)
                for wanted in operation.get("security", DOCUMENT["security"]) for name in wanted}
        self.assertEqual(schemes, used)
        for method, path, operation, _ in operations(DOCUMENT):
            with self.subTest(operation=f"{method} {path}"):
                wanted = operation.get("security", DOCUMENT["security"])
                if wanted and {} not in wanted:
                    self.assertIn("401", operation["responses"])

    def test_schemas(self):
        for place, node in nodes(DOCUMENT):
            if place.endswith("/schema") or re.fullmatch("#/components/schemas/[^/]+", place):
                with self.subTest(place=place):
                    jsonschema.Draft202012Validator.check_schema(node)

    def test_required_members_exist(self):
        for place, node in nodes(WHOLE):
            if "required" in node and "properties" in node and isinstance(node["required"], list):
                with self.subTest(place=place):
                    known = set(node["properties"])
                    for part in node.get("allOf", []):
                        known |= set(part.get("properties", {}))
                    self.assertLessEqual(set(node["required"]), known)

    def test_examples_fit_their_schemas(self):
        count = 0
        for place, node in nodes(WHOLE):
            if "schema" in node:
                for value in values_of(node):
                    with self.subTest(place=place):
                        self.assertEqual([], list(map(openapi.reason, openapi.validator(
                            node["schema"]).iter_errors(value))))
                    count += 1
            elif isinstance(node.get("example"), dict) and "type" in node:
                self.assertEqual([], list(map(openapi.reason, openapi.validator(
                    node).iter_errors(node["example"]))))
        self.assertGreater(count, 40)


class Complete(unittest.TestCase):
    """Whatever the code serves and can say is described, and nothing else."""

    def test_every_route(self):
        routes = {f"{method} {path}" for _, text in source("fcgi/*.c")
                  for method, path in re.findall(r'^\t\{ "([A-Z]+)", "(/[^"]*)", ', text, re.M)}
        self.assertGreater(len(routes), 10)
        described = {f"{method} {path}" for method, path, _, _ in operations(DOCUMENT)}
        self.assertLessEqual(routes | OF_NGINX, described)

    def test_every_code(self):
        described = set().union(*(problem_codes(response) for _, _, operation, _ in operations(WHOLE)
                                  for response in operation["responses"].values()))
        self.assertLessEqual(answered_codes() | nginx_codes(), described)

    def test_each_code_is_explained_where_it_is_listed(self):
        for method, path, operation, _ in operations(WHOLE):
            for status, response in operation["responses"].items():
                with self.subTest(operation=f"{method} {path}", status=status):
                    explained = set(re.findall(r"`([a-z_]+)`", response["description"]))
                    self.assertLessEqual(problem_codes(response), explained)


if __name__ == "__main__":
    unittest.main()

"""docs/openapi.yaml by itself, against the code, and every example of it sent to a stack."""
import json
import re
import unittest

import jsonschema

import openapi
from harness import ROOT, StackCase, fresh_tenant, multipart
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

    def test_a_reason_is_not_blank(self):
        """Wherever one has to be given: admin_reason() takes it."""
        reasons = [schema["properties"]["reason"] for _, _, operation, _ in operations(WHOLE)
                   for schema in [operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})]
                   if "reason" in schema.get("required", [])]
        self.assertEqual(2, len(reasons))
        for reason in map(openapi.validator, reasons):
            self.assertEqual([True, False, False], [reason.is_valid(text) for text in ("why", " \t\n", "")])

    def test_every_result_has_an_example(self):
        for method, path, operation, _ in operations(WHOLE):
            for status, response in operation["responses"].items():
                media = response.get("content", {}).get("application/json")
                if media and status != "503":
                    with self.subTest(operation=f"{method} {path}", status=status):
                        self.assertTrue(list(values_of(media)))


class Complete(unittest.TestCase):
    """Whatever the code serves and can say is described, and nothing else."""

    def test_every_route(self):
        routes = {f"{method} {path}" for _, text in source("fcgi/*.c")
                  for method, path in re.findall(r'^\t\{ "([A-Z]+)", "(/[^"]*)", ', text, re.M)}
        self.assertGreater(len(routes), 10)
        described = {f"{method} {path}" for method, path, _, _ in operations(DOCUMENT)}
        self.assertEqual(routes | OF_NGINX, described)

    def test_every_code(self):
        described = set().union(*(problem_codes(response) for _, _, operation, _ in operations(WHOLE)
                                  for response in operation["responses"].values()))
        answered = answered_codes() | nginx_codes()
        self.assertLessEqual(answered, described)
        quoted = "".join(text for _, text in source("fcgi/*.c", "lib/*/*.c", "sql/*.sql"))
        self.assertEqual(set(), {name for name in described - answered
                                 if f'"{name}"' not in quoted and f"'{name}'" not in quoted})

    def test_each_code_is_explained_where_it_is_listed(self):
        for method, path, operation, _ in operations(WHOLE):
            for status, response in operation["responses"].items():
                with self.subTest(operation=f"{method} {path}", status=status):
                    explained = set(re.findall(r"`([a-z_]+)`", response["description"]))
                    self.assertLessEqual(problem_codes(response), explained)


class Examples(StackCase):
    """Each example that a request can be made of, on a stack where what it names exists."""
    NOT_ALONE = {"from": "to", "to": "from"}  # they name days of long ago
    NO_EXAMPLE = {"cursor"}  # only our own fit

    def incident(self, status="OPEN"):
        """What names a new incident, at its first revision."""
        done = self.upload_done(self.stack.unique_pdf("mismatch-s1"))
        resolved = "now()" if status == "RESOLVED" else "null"
        self.stack.sql(f"update incidents set status = '{status}', resolved_at = {resolved}"
                       f" where id = '{done['incident']['id']}'")
        return {"id": done["incident"]["id"]}

    def job(self, status="SUCCEEDED"):
        done = self.upload_done(self.stack.unique_pdf())
        finished = "null" if status == "QUEUED" else "now()"
        self.stack.sql(f"update jobs set state = '{status}', finished_at = {finished},"
                       f" run_at = now() + interval '1 hour' where id = '{done['job_id']}'")
        return {"id": done["job_id"]}

    def alert(self):
        return {"id": self.stack.value(
            "insert into alerts (rule, state, owner, decision, carried_out, inputs, build_id, pending_at, resolved_at, resolved_reason)"
            " values ('s1_spike', 'resolved', 'on_call', 'INVESTIGATE', 'advised', '{}', 'git:abc1234', now(), now(), 'clear')"
            " returning id")}

    def silence(self):
        return {"id": self.stack.value("insert into alert_silences (rule, reason, operator, ends_at)"
                                       " values ('s1_spike', 'an example', 'ayse', now() + interval '1 minute') returning id")}

    def form(self):
        document = self.stack.unique_pdf()
        return dict(zip(("form", "kind"), multipart(document.content, document.filename)))

    def given(self, operation, body):
        """What the request needs to be there: values for its path, and its body where that must
        name something of this stack."""
        before = {
            "changeIncident": lambda: self.incident("RESOLVED" if body["status"] == "OPEN" else "OPEN"),
            "giveFeedback": lambda: self.incident("RESOLVED"),
            "cancelJob": lambda: self.job("QUEUED"),
            "cancelJobs": lambda: {"body": {"ids": [self.job("QUEUED")["id"]]} if "ids" in body else body},
            "retryJob": lambda: self.job("FAILED"),
            "retryJobs": lambda: {"body": {"ids": [self.job("FAILED")["id"]]} if "ids" in body else body},
            "getAlert": self.alert,
            "endSilence": self.silence,
            "logIn": lambda: {"body": {"key": self.stack.admin_key}},
            "uploadInvoice": self.form,
            "uploadAsOperator": self.form,
        }
        if operation["operationId"] in before:
            return before[operation["operationId"]]()
        kind = re.match(r"(get|list)(Job|Incident)", operation["operationId"])
        return {} if not kind else self.job() if kind[2] == "Job" else self.incident()

    def send(self, method, path, operation, parameters, body):
        """parameters: {"query": {...}, "header": {...}}"""
        given = self.given(operation, body)
        wanted = [name for wish in operation.get("security", DOCUMENT["security"]) for name in wish]
        headers = dict(parameters.get("header", {}))
        query = dict(parameters.get("query", {}))
        if "clientKey" in wanted:
            headers["X-API-Key"] = self.stack.api_key
        elif "adminKey" in wanted:
            headers["X-Admin-Key"] = self.stack.admin_key
        if "form" in given:
            headers["Content-Type"] = given["kind"]
            query.setdefault("tenant_id", fresh_tenant("example"))
        elif body is not None:
            headers["Content-Type"] = "application/json"
        sent = given.get("form") or (None if body is None else json.dumps(given.get("body", body)))
        return self.stack.request(method, path.replace("{id}", given.get("id", "")), sent, headers, query)

    def choices(self, operation, parameters):
        """(name, parameters, body) of each request to make: with nothing that can be left out, with
        each example of each parameter, and with each of the body."""
        bodies = [value for media in operation.get("requestBody", {}).get("content", {}).values()
                  for value in values_of(media)] or [None]
        for i, body in enumerate(bodies):
            yield f"body {i}", {}, body
        named = {p["name"]: p for p in parameters if p["in"] != "path"}
        for name, parameter in named.items():
            values = list(values_of(parameter))
            self.assertTrue(values or name in self.NO_EXAMPLE, name)
            for value in values:
                chosen = {parameter["in"]: {name: value}}
                if name in self.NOT_ALONE:
                    other = named[self.NOT_ALONE[name]]
                    chosen["query"][other["name"]] = next(values_of(other))
                yield f"{name}={value}", self.as_text(chosen), bodies[0]

    @staticmethod
    def as_text(chosen):
        return {place: {name: value if isinstance(value, str) else json.dumps(value)
                        for name, value in values.items()} for place, values in chosen.items()}

    def test_every_example(self):
        sent = 0
        for method, path, operation, parameters in operations(WHOLE):
            for name, chosen, body in self.choices(operation, parameters):
                with self.subTest(operation=operation["operationId"], example=name):
                    answer = self.send(method, path, operation, chosen, body)
                    self.assertLess(answer.status, 300, answer)
                    self.assertIn(str(answer.status), operation["responses"], answer)
                    sent += 1
        self.assertGreater(sent, 60)

    def test_what_is_served_is_this_file(self):
        answer = self.stack.request("GET", "/openapi.yaml")
        self.assertEqual(openapi.FILE.read_bytes(), answer.body)
        self.assertEqual("application/yaml", answer.headers["Content-Type"])
        self.assertEqual(b"", self.stack.request("HEAD", "/openapi.yaml").body)
        for method in ("POST", "PUT", "DELETE"):
            self.assert_problem(self.stack.request(method, "/openapi.yaml"), 405, "method_not_allowed")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Tests of the OpenAI simulator: every strictness rule, every fault, every control order.

    python3 tests/openai_sim/test_sim.py [path of the binary]

The binary is build/plain/bin/openai_sim, unless OPENAI_SIM or the argument names another.
"""
import base64
import copy
import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("OPENAI_SIM", str(ROOT / "build/plain/bin/openai_sim"))
KEY = "sk-test"

KNOWN = b"%PDF-1.4 a known invoice\n"
REFUSED = b"\x89PNG\r\n\x1a\n a page of noise"
OTHER = b"%PDF-1.4 an invoice that nobody knows\n" * 20
IMAGES = {
    "png": b"\x89PNG\r\n\x1a\n....",
    "jpeg": b"\xff\xd8\xff\xe0....",
    "webp": b"RIFF\x04\x00\x00\x00WEBPVP8 ",
}


def field(value, confidence=0.97):
    return {"value": value, "confidence": confidence, "evidence": value or ""}


EXTRACTION = {
    "seller": {"name": field("Örnek A.Ş. / \"İzmir\""), "tax_id": field("1234567890")},
    "lines": [],
    "invoice_number": field("ABC2026000000001"),
    "payable_amount": field("120.00"),
}

SCHEMA = {
    "type": "object",
    "properties": {
        "invoice_number": {"$ref": "#/$defs/field"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"amount": {"type": ["string", "null"], "description": "net"}},
                "required": ["amount"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["invoice_number", "note", "lines"],
    "additionalProperties": False,
    "$defs": {
        "field": {
            "type": "object",
            "properties": {"value": {"type": "string"}, "kind": {"enum": ["a", "b"], "type": "string"}},
            "required": ["value", "kind"],
            "additionalProperties": False,
        }
    },
}


def data_url(mime, content):
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def pdf_part(content):
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url("application/pdf", content)}}


def image_part(kind, content=None):
    url = data_url("image/" + kind, content or IMAGES[kind])
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def request(part=None):
    return {
        "model": "gpt-test",
        "messages": [
            {"role": "system", "content": "Read the invoice."},
            {"role": "user", "content": [{"type": "text", "text": "Here it is."}, part or pdf_part(KNOWN)]},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "invoice", "strict": True, "schema": copy.deepcopy(SCHEMA)},
        },
        "max_completion_tokens": 1000,
        "store": False,
    }


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.raw = response.read()

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def error(self):
        return self.json["error"]

    @property
    def choice(self):
        return self.json["choices"][0]

    @property
    def content(self):
        return json.loads(self.choice["message"]["content"])


class Simulator:
    """One running binary with a folder of documents."""

    def __init__(self, *more):
        self.dir = tempfile.TemporaryDirectory()
        data = pathlib.Path(self.dir.name, "data")
        data.mkdir()
        (data / "known.pdf").write_bytes(KNOWN)
        (data / "known.json").write_text(json.dumps(EXTRACTION))
        (data / "noise.png").write_bytes(REFUSED)
        (data / "noise.json").write_text('{"refusal": "I cannot read this."}')
        (data / "orphan.pdf").write_bytes(OTHER + b"orphan")
        port_file = pathlib.Path(self.dir.name, "port")
        self.process = subprocess.Popen(
            [BINARY, "--port", "0", "--port-file", port_file, "--data", data, *more],
            stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 10
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the simulator did not start: " + self.process.stderr.read())
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        status = self.process.wait(10)
        self.log = self.process.stderr.read()
        self.process.stderr.close()
        self.dir.cleanup()
        return status, time.monotonic() - begun

    def connect(self, timeout=5):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def send(self, method, path, body=None, headers=None, timeout=5):
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def call(self, body=None, key=KEY, timeout=5, **headers):
        send = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        send.update({k.replace("_", "-"): v for k, v in headers.items()})
        text = body if isinstance(body, (str, bytes)) else json.dumps(body or request())
        send = {k: v for k, v in send.items() if v is not None}
        return self.send("POST", "/v1/chat/completions", text, send, timeout)

    def put(self, path, value):
        return self.send("PUT", "/sim/" + path, json.dumps(value))

    def get(self, path):
        return self.send("GET", "/sim/" + path).json

    def fault(self, kind, **options):
        reply = self.put("fault", {"kind": kind, **options})
        assert reply.status == 200, reply.raw


def setUpModule():
    global sim
    sim = Simulator("--api-key", KEY)


def tearDownModule():
    status, _ = sim.stop()
    if status != 0:
        raise RuntimeError(f"the simulator ended with {status}: {sim.log}")


class Case(unittest.TestCase):
    def setUp(self):
        self.assertEqual(sim.send("POST", "/sim/reset").status, 200)


class Answers(Case):
    def test_known_document(self):
        r = sim.call()
        self.assertEqual(r.status, 200, r.raw)
        self.assertEqual(r.content, EXTRACTION)
        self.assertEqual(r.choice["finish_reason"], "stop")
        self.assertIsNone(r.choice["message"]["refusal"])
        self.assertEqual(r.json["model"], "gpt-test")
        self.assertEqual(r.json["object"], "chat.completion")
        usage = r.json["usage"]
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])

    def test_headers(self):
        one, two = sim.call(), sim.call()
        for name in ("requests", "tokens"):
            limit = int(one.headers["x-ratelimit-limit-" + name])
            self.assertLess(int(one.headers["x-ratelimit-remaining-" + name]), limit)
            self.assertRegex(one.headers["x-ratelimit-reset-" + name], r"^[0-9]+(ms|m|s)")
        self.assertTrue(one.headers["openai-processing-ms"].isdigit())
        self.assertTrue(one.headers["x-request-id"].startswith("req_"))
        self.assertNotEqual(one.headers["x-request-id"], two.headers["x-request-id"])

    def test_document_that_cannot_be_read(self):
        r = sim.call(request(image_part("png", REFUSED)))
        self.assertEqual(r.choice["message"]["refusal"], "I cannot read this.")
        self.assertIsNone(r.choice["message"]["content"])

    def test_unknown_document(self):
        for content in (OTHER, OTHER + b"orphan"):
            answer = sim.call(request(pdf_part(content))).content
            self.assertEqual(len(answer), 21)
            self.assertEqual(answer["lines"], [])
            self.assertEqual(answer["payable_amount"], {"value": None, "confidence": 0, "evidence": ""})
            self.assertEqual(answer["buyer"]["tax_id"]["confidence"], 0)

    def test_images(self):
        for kind in IMAGES:
            with self.subTest(kind):
                self.assertEqual(sim.call(request(image_part(kind))).status, 200)

    def test_escaped_body(self):
        text = json.dumps(request()).replace("/", "\\/")
        self.assertEqual(sim.call(text).content, EXTRACTION)
        self.assertEqual(sim.call(json.dumps(request(), indent=1) + "\n").content, EXTRACTION)

    def test_marker_in_the_text(self):
        body = request()
        body["messages"][0]["content"] = "a data URL has ;base64," + "A" * 100
        self.assertEqual(sim.call(body).content, EXTRACTION)

    def test_large_document(self):
        content = b"%PDF-1.7\n" + bytes(range(256)) * 20000
        self.assertEqual(sim.call(request(pdf_part(content)), timeout=20).status, 200)
        self.assertEqual(sim.get("calls/" + sha(content))["calls"], 1)

    def test_set_answer(self):
        sim.put("answers/" + sha(OTHER), {"payable_amount": field("7.00")})
        self.assertEqual(sim.call(request(pdf_part(OTHER))).content, {"payable_amount": field("7.00")})
        sim.put("answers/" + sha(OTHER).upper(), {"content": "not JSON \" at all"})
        r = sim.call(request(pdf_part(OTHER)))
        self.assertEqual(r.choice["message"]["content"], "not JSON \" at all")
        sim.put("answers/" + sha(OTHER), {"refusal": "no"})
        self.assertEqual(sim.call(request(pdf_part(OTHER))).choice["message"]["refusal"], "no")
        sim.put("answers/" + sha(OTHER), {"finish_reason": "length"})
        r = sim.call(request(pdf_part(OTHER)))
        self.assertEqual(r.choice["finish_reason"], "length")
        self.assertEqual(r.json["usage"]["completion_tokens"], 1000)

    def test_set_answer_over_a_loaded_one(self):
        sim.put("answers/" + sha(KNOWN), {"content": "x"})
        self.assertEqual(sim.call().choice["message"]["content"], "x")
        sim.send("POST", "/sim/reset")
        self.assertEqual(sim.call().content, EXTRACTION)

    def test_default(self):
        sim.put("default", {"payable_amount": field("9.00")})
        self.assertEqual(sim.call(request(pdf_part(OTHER))).content["payable_amount"], field("9.00"))
        self.assertEqual(sim.call().content, EXTRACTION)
        sim.send("POST", "/sim/reset")
        self.assertIsNone(sim.call(request(pdf_part(OTHER))).content["payable_amount"]["value"])


class Strictness(Case):
    def refused(self, param, change, status=400, code=None):
        body = request()
        change(body)
        with self.subTest(param=param, line=sys._getframe(1).f_lineno):
            r = sim.call(body)
            self.assertEqual(r.status, status, r.raw)
            self.assertEqual(set(r.error), {"message", "type", "param", "code"})
            self.assertEqual(r.error["param"], param, r.raw)
            self.assertEqual(r.error["type"], "invalid_request_error")
            if code:
                self.assertEqual(r.error["code"], code)

    def replaced(self, param, where, key, values):
        """Each value in turn, then none at all, at body[where…][key]."""
        def change(value, drop=False):
            def apply(body):
                for step in where:
                    body = body[step]
                if drop:
                    del body[key]
                else:
                    body[key] = value
            return apply
        for value in values:
            self.refused(param, change(value))
        self.refused(param, change(None, drop=True), code="missing_required_parameter")

    def test_route(self):
        for path in ("/", "/v1", "/v1/completions", "/chat/completions", "/v1/chat/completions/"):
            r = sim.send("POST", path, "{}", {"Authorization": "Bearer " + KEY})
            self.assertEqual((r.status, r.error["type"]), (404, "invalid_request_error"))
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(sim.send(method, "/v1/chat/completions").status, 405)

    def test_key(self):
        for value in (None, "", KEY, "Basic x", "Bearer ", "Bearer " + KEY + "x", "bearer " + KEY):
            r = sim.call(Authorization=value)
            self.assertEqual((r.status, r.error["code"]), (401, "invalid_api_key"), value)

    def test_content_type(self):
        for value in (None, "text/plain", "application/jsonx", "application/x-www-form-urlencoded"):
            r = sim.call(Content_Type=value)
            self.assertEqual((r.status, r.error["param"]), (400, "Content-Type"), value)
        self.assertEqual(sim.call(Content_Type="application/json; charset=utf-8").status, 200)

    def test_json(self):
        good = json.dumps(request())
        for text in ("x", "[]", "null", "1", good[:-1], good + "x", good.replace('"store"', "store"),
                     good.encode().replace(b"Read", b"\xff\xfe")):
            r = sim.call(text)
            self.assertEqual(r.status, 400, text[:40])
            self.assertIn("message", r.error)

    def test_empty_body(self):
        r = sim.send("POST", "/v1/chat/completions", "",
                     {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
        self.assertEqual(r.status, 400)

    def test_top_level(self):
        self.replaced("model", (), "model", ["", 5, None])
        self.replaced("messages", (), "messages", [[], "x", None, [request()["messages"][0]],
                                                   request()["messages"] * 2])
        self.replaced("max_completion_tokens", (), "max_completion_tokens", [0, -1, 1.5, "1000", None])
        self.replaced("store", (), "store", [True, None, "false"])
        for name, value in (("temperature", 0), ("max_tokens", 5), ("stream", False), ("x", None)):
            self.refused(name, lambda b: b.update({name: value}), code="unknown_parameter")

    def test_messages(self):
        self.replaced("messages[0].role", ("messages", 0), "role", ["user", "developer", 1])
        self.replaced("messages[0].content", ("messages", 0), "content", ["", None, []])
        self.replaced("messages[1].role", ("messages", 1), "role", ["system", None])
        self.replaced("messages[1].content", ("messages", 1), "content",
                      [[], "x", None, [pdf_part(KNOWN)], [{"type": "text", "text": "only"}],
                       [{"type": "text", "text": "two"}, pdf_part(KNOWN), image_part("png")]])
        self.refused("messages[0].name", lambda b: b["messages"][0].update(name="x"))
        self.refused("messages[1].name", lambda b: b["messages"][1].update(name="x"))
        self.refused("messages[0]", lambda b: b["messages"].__setitem__(0, "x"))

    def test_parts(self):
        def part(value):
            return lambda b: b["messages"][1]["content"].__setitem__(1, value)
        at = "messages[1].content[1]"
        for value in ("x", {"type": "input_audio"}):
            self.refused(at, part(value))
        self.refused(at + ".type", part({}))
        self.refused(at + ".file", part({"type": "file"}))
        self.refused(at + ".text", part({"type": "text", "text": ""}))
        self.refused(at + ".file.file_id", part({"type": "file", "file": {
            "filename": "a", "file_data": "b", "file_id": "c"}}))
        self.refused(at + ".cache", part({**pdf_part(KNOWN), "cache": 1}))
        self.refused(at + ".cache", part({**image_part("png"), "cache": 1}))

    def test_pdf(self):
        where = ("messages", 1, "content", 1, "file")
        name = "messages[1].content[1].file."
        good = base64.b64encode(KNOWN).decode()
        head = "data:application/pdf;base64,"
        self.replaced(name + "filename", where, "filename", ["", None])
        self.replaced(name + "file_data", where, "file_data", [
            "", 5, good, head, "data:application/pdf," + good, "data:image/png;base64," + good,
            "data:application/pdf;charset=x;base64," + good, head + good[:-1], head + good + "=",
            head + good + "\n", head + " " + good, head + "!" + good[1:], head + good[:8] + "=" + good[9:],
            data_url("application/pdf", IMAGES["png"]), data_url("application/pdf", b"%PD"),
            data_url("application/pdf", b" " + KNOWN), head + "JVBERi0xLh==",
            data_url("application/pdf", KNOWN * 99)[:-4] + "A_A-"])

    def test_image(self):
        part, url = "messages[1].content[1].image_url.", "url"

        def with_image(value):
            def apply(body):
                body["messages"][1]["content"][1] = {"type": "image_url", "image_url": value}
            return apply
        good = image_part("png")["image_url"]
        for detail in ("low", "auto", None):
            self.refused(part + "detail", with_image({**good, "detail": detail}))
        self.refused(part + "detail", with_image({"url": good["url"]}))
        for wrong in ("https://example.org/a.png", data_url("image/gif", b"GIF89a"),
                      data_url("image/png", IMAGES["jpeg"]), data_url("image/jpeg", IMAGES["webp"]),
                      data_url("image/webp", b"RIFF\0\0\0\0WAVE"), data_url("application/pdf", KNOWN)):
            self.refused(part + url, with_image({**good, "url": wrong}))

    def test_response_format(self):
        at = "response_format.json_schema"
        self.replaced("response_format", (), "response_format", [None, "json"])
        self.replaced("response_format.type", ("response_format",), "type", ["json_object", None])
        self.replaced(at + ".name", ("response_format", "json_schema"), "name", ["", "a b", "x" * 65])
        self.replaced(at + ".strict", ("response_format", "json_schema"), "strict", [False, None, "true"])
        self.replaced(at + ".schema", ("response_format", "json_schema"), "schema", [None, [], {}])
        self.refused(at + ".description", lambda b: b["response_format"]["json_schema"].update(description="x"))

    def test_schema(self):
        def deep(schema, levels):
            for _ in range(levels):
                schema = {"type": "object", "properties": {"x": schema}, "required": ["x"],
                          "additionalProperties": False}
            return schema

        def nowhere(_):
            pass
        line = ("properties", "lines", "items")
        changes = [
            ((), lambda s: s.update(type="array")),
            ((), lambda s: s.update(type=["object", "null"])),
            ((), lambda s: s.pop("additionalProperties")),
            ((), lambda s: s.update(additionalProperties=True)),
            ((), lambda s: s.pop("required")),
            ((), lambda s: s["required"].pop()),
            ((), lambda s: s["required"].append("other")),
            ((), lambda s: s["required"].append("note")),
            ((), lambda s: s.pop("properties")),
            ((), lambda s: s.update(allOf=[])),
            ((), lambda s: s.update({"$schema": "x"})),
            (("properties",), lambda s: s.update(note=5)),
            (("properties",), lambda s: s.update(note={"type": "text"})),
            (("properties",), lambda s: s.update(note={"description": "no type"})),
            (("properties",), lambda s: s.update(note={"type": "string", "maxLength": 5})),
            (("properties",), lambda s: s.update(note={"type": "array"})),
            (("properties",), lambda s: s.update(note={"$ref": "#/$defs/none"})),
            (("properties",), lambda s: s.update(note={"anyOf": []})),
            (("properties",), lambda s: s.update(note={"anyOf": [{"type": "x"}]})),
            (("properties",), lambda s: s.update(note=deep({"type": "string"}, 10))),
            (line, lambda s: s.pop("additionalProperties")),
            (line, lambda s: s["required"].pop()),
            (("$defs", "field"), lambda s: s["required"].pop()),
        ]
        for number, (where, change) in enumerate(changes):
            with self.subTest(number=number):
                def apply(body):
                    node = body["response_format"]["json_schema"]["schema"]
                    for step in where:
                        node = node[step]
                    change(node)
                self.refused("response_format.json_schema.schema", apply)
        body = request()
        body["response_format"]["json_schema"]["schema"] = deep({"type": "string"}, 9)
        self.assertEqual(sim.call(body).status, 200)

    def test_invalid_calls_are_counted_and_use_up_no_fault(self):
        sim.fault("server_error")
        self.assertEqual(sim.call("x").status, 400)
        self.assertEqual(sim.call(key="wrong").status, 401)
        stats = sim.get("stats")
        self.assertEqual((stats["calls"], stats["faults_pending"]), (2, 1))
        self.assertEqual(stats["outcomes"]["invalid_request"], 1)
        self.assertEqual(stats["outcomes"]["bad_key"], 1)


class Faults(Case):
    def test_http_errors(self):
        cases = [
            ("rate_limit", 429, "rate_limit_exceeded"), ("slow_down", 429, "slow_down"),
            ("insufficient_quota", 429, "insufficient_quota"), ("unauthorized", 401, "invalid_api_key"),
            ("forbidden", 403, "unsupported_country_region_territory"), ("server_error", 500, None),
            ("bad_request", 400, None),
        ]
        for kind, status, code in cases:
            with self.subTest(kind):
                sim.fault(kind)
                r = sim.call()
                self.assertEqual((r.status, r.error["code"]), (status, code))
                self.assertEqual(set(r.error), {"message", "type", "param", "code"})
                self.assertIn("x-request-id", r.headers)
                limited = kind in ("rate_limit", "slow_down")
                self.assertEqual(r.headers["Retry-After"], "1" if limited else None)
                self.assertEqual(r.headers["x-ratelimit-remaining-requests"] == "0", limited)
                self.assertEqual(sim.call().status, 200)
                self.assertEqual(sim.get("stats")["outcomes"][kind], 1)

    def test_error_options(self):
        sim.fault("rate_limit", retry_after=7, retry_after_ms=6500)
        r = sim.call()
        self.assertEqual((r.headers["Retry-After"], r.headers["retry-after-ms"]), ("7", "6500"))
        sim.fault("rate_limit", retry_after=None)
        r = sim.call()
        self.assertEqual((r.headers["Retry-After"], r.headers["retry-after-ms"]), (None, None))
        sim.fault("server_error", status=503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
        r = sim.call()
        self.assertEqual((r.status, r.headers["Retry-After"]), (503, "Wed, 21 Oct 2026 07:28:00 GMT"))
        sim.fault("insufficient_quota", code="credit_balance_exhausted")
        self.assertEqual(sim.call().error["code"], "credit_balance_exhausted")

    def test_queue_and_counts(self):
        sim.fault("server_error", count=2)
        sim.fault("rate_limit")
        self.assertEqual([sim.call().status for _ in range(4)], [500, 500, 429, 200])
        sim.fault("server_error", count=-1)
        self.assertEqual({sim.call().status for _ in range(5)}, {500})
        self.assertEqual(sim.send("DELETE", "/sim/fault").status, 200)
        self.assertEqual(sim.call().status, 200)

    def test_only_one_document(self):
        sim.fault("server_error", sha256=sha(OTHER), count=-1)
        sim.fault("bad_request")
        self.assertEqual(sim.call().status, 400)
        self.assertEqual(sim.call().status, 200)
        self.assertEqual(sim.call(request(pdf_part(OTHER))).status, 500)

    def test_hang(self):
        sim.fault("hang")
        begun = time.monotonic()
        with self.assertRaises((TimeoutError, socket.timeout)):
            sim.call(timeout=0.3)
        self.assertLess(time.monotonic() - begun, 2)
        self.settled()
        self.assertEqual(sim.get("stats")["outcomes"]["hang"], 1)
        self.assertEqual(sim.call().status, 200)

    def settled(self):
        until = time.monotonic() + 5
        while sim.get("stats")["in_flight"] > 0:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def test_drip(self):
        sim.fault("drip", bytes=400, ms=20)
        begun = time.monotonic()
        r = sim.call()
        self.assertEqual(r.content, EXTRACTION)
        self.assertGreater(time.monotonic() - begun, len(r.raw) / 400 * 0.02 * 0.8)
        sim.fault("drip", ms=50)
        connection = sim.connect(timeout=5)
        connection.request("POST", "/v1/chat/completions", json.dumps(request()),
                           {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
        response = connection.getresponse()
        arrived = [time.monotonic() for _ in range(5) if response.read(1)]
        self.assertGreater(arrived[-1] - arrived[0], 0.1)
        response.close()
        connection.close()
        self.settled()

    def test_cut(self):
        for options in ({}, {"bytes": 1}, {"bytes": 0}, {"bytes": 10 ** 9}):
            with self.subTest(options):
                sim.fault("cut", **options)
                with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                    sim.call()
        self.settled()
        self.assertEqual(sim.get("stats")["outcomes"]["cut"], 4)

    def test_huge(self):
        for options, size in (({}, 50 * 1024 * 1024), ({"size": 300000}, 300000)):
            sim.fault("huge", **options)
            r = sim.call(timeout=20)
            self.assertEqual((r.status, len(r.raw)), (200, size))
            self.assertIn("AAAA", r.choice["message"]["content"])
        self.settled()

    def test_not_json(self):
        sim.fault("not_json")
        r = sim.call()
        self.assertEqual((r.status, r.headers["Content-Type"]), (200, "text/html; charset=UTF-8"))
        self.assertIn(b"<html>", r.raw)

    def test_useless_completions(self):
        sim.fault("refusal")
        self.assertTrue(sim.call().choice["message"]["refusal"])
        sim.fault("content_filter")
        r = sim.call()
        self.assertEqual((r.choice["finish_reason"], r.choice["message"]["content"]), ("content_filter", None))
        sim.fault("broken_json")
        r = sim.call()
        self.assertEqual(r.choice["finish_reason"], "stop")
        with self.assertRaises(ValueError):
            r.content
        sim.fault("schema_violation")
        self.assertEqual(set(EXTRACTION) - set(sim.call().content), {"payable_amount"})
        sim.fault("schema_violation", key="seller")
        self.assertEqual(set(EXTRACTION) - set(sim.call().content), {"seller"})
        sim.fault("confidence_out_of_range")
        self.assertEqual(sim.call().content["payable_amount"]["confidence"], 1.7)
        self.assertEqual(sim.call().content, EXTRACTION)

    def test_spoilt_refusal(self):
        for kind in ("broken_json", "schema_violation", "confidence_out_of_range", "length", "huge"):
            sim.fault(kind)
            self.assertEqual(sim.call(request(image_part("png", REFUSED)), timeout=20).status, 200, kind)

    def test_length_below_a_budget(self):
        sim.fault("length", below=2000, count=-1)
        r = sim.call()
        self.assertEqual(r.choice["finish_reason"], "length")
        with self.assertRaises(ValueError):
            r.content
        second = request()
        second["max_completion_tokens"] *= 2
        r = sim.call(second)
        self.assertEqual((r.choice["finish_reason"], r.content), ("stop", EXTRACTION))
        self.assertEqual(sim.get("stats")["last_max_completion_tokens"], 2000)

    def test_orders_that_are_refused(self):
        for order in ({}, [], "x", {"kind": "none"}, {"kind": "x"}, {"kind": "cut", "typo": 1},
                      {"kind": "cut", "count": 0}, {"kind": "cut", "count": -2}, {"kind": "cut", "count": "1"},
                      {"kind": "server_error", "status": 200}, {"kind": "cut", "sha256": "abc"},
                      {"kind": "cut", "sha256": "g" * 64}, {"kind": "cut", "bytes": -1},
                      {"kind": "rate_limit", "retry_after": "x" * 64}):
            r = sim.put("fault", order)
            self.assertEqual(r.status, 400, order)
            self.assertIn("error", r.json)
        for path, value in (("delay", {"ms": -1}), ("delay", {"ms": "1"}), ("answers/xyz", {}),
                            ("default", []), ("default", {"finish_reason": "x"})):
            self.assertEqual(sim.put(path, value).status, 400, path)
        self.assertEqual(sim.send("PUT", "/sim/fault", "{").status, 400)
        self.assertEqual(sim.send("GET", "/sim/calls/12").status, 400)
        self.assertEqual(sim.send("GET", "/sim/none").status, 404)
        self.assertEqual(sim.get("stats")["faults_pending"], 0)


class Load(Case):
    def test_counts_of_a_document(self):
        sim.fault("server_error")
        for _ in range(3):
            sim.call()
        self.assertEqual(sim.get("calls/" + sha(KNOWN)), {"calls": 3, "completions": 2})
        self.assertEqual(sim.get("calls/" + sha(OTHER)), {"calls": 0, "completions": 0})

    def test_delay(self):
        sim.put("delay", {"ms": 200, "jitter_ms": 50})
        begun = time.monotonic()
        r = sim.call()
        self.assertGreaterEqual(time.monotonic() - begun, 0.2)
        self.assertGreaterEqual(int(r.headers["openai-processing-ms"]), 199)
        sim.send("POST", "/sim/reset")
        begun = time.monotonic()
        sim.call()
        self.assertLess(time.monotonic() - begun, 0.15)

    def test_client_that_gives_up(self):
        sim.put("delay", {"ms": 60000})
        with self.assertRaises((TimeoutError, socket.timeout)):
            sim.call(timeout=0.2)
        self.wait_for("in_flight", 0)
        self.assertEqual(sim.get("stats")["outcomes"]["abandoned"], 1)

    def open_512(self):
        body = json.dumps(request()).encode()
        head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        sockets = [socket.create_connection(("127.0.0.1", sim.port), 10) for _ in range(512)]
        for s in sockets:
            s.sendall(head + body)
        return sockets

    def test_512_delayed_at_once(self):
        sim.put("delay", {"ms": 2000})
        begun = time.monotonic()
        for s in self.open_512():
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
            s.close()
        self.assertLess(time.monotonic() - begun, 15)
        stats = sim.get("stats")
        self.assertEqual((stats["calls"], stats["in_flight"]), (512, 0))
        self.assertEqual(stats["outcomes"]["completed"], 512)

    def test_512_in_flight(self):
        sim.fault("hang", count=-1)
        sockets = self.open_512()
        self.wait_for("in_flight", 512)
        for s in sockets:
            s.close()
        self.wait_for("in_flight", 0)
        self.assertEqual(sim.get("stats")["max_in_flight"], 512)

    def wait_for(self, count, value):
        until = time.monotonic() + 10
        while sim.get("stats")[count] != value:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def test_a_count_is_exact_among_threads(self):
        sim.fault("server_error", count=50)
        statuses = []

        def client():
            connection = sim.connect()
            body = json.dumps(request())
            for _ in range(20):
                connection.request("POST", "/v1/chat/completions", body, {
                    "Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
                statuses.append(Reply(connection.getresponse()).status)
            connection.close()
        threads = [threading.Thread(target=client) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual((statuses.count(500), statuses.count(200)), (50, 110))
        self.assertEqual(sim.get("stats")["in_flight"], 0)
        self.assertLessEqual(sim.get("stats")["max_in_flight"], 8)


class Process(unittest.TestCase):
    def run_it(self, *options):
        return subprocess.run([BINARY, *options], capture_output=True, text=True, timeout=10)

    def test_help_and_usage(self):
        r = self.run_it("--help")
        self.assertEqual(r.returncode, 0)
        for option in ("--port", "--listen", "--port-file", "--data", "--delay-ms", "--api-key"):
            self.assertIn(option, r.stdout)
        for wrong in ((), ("--port",), ("--port", "x"), ("--port", "70000"), ("--port", "0", "x"), ("--nope",),
                      ("--port", "0", "--delay-ms", "-1")):
            self.assertEqual(self.run_it(*wrong).returncode, 2, wrong)

    def test_what_stops_the_start(self):
        self.assertEqual(self.run_it("--port", "0", "--data", "/nonexistent").returncode, 1)
        self.assertEqual(self.run_it("--port", "0", "--listen", "nowhere").returncode, 1)
        self.assertEqual(self.run_it("--port", str(sim.port)).returncode, 1)
        self.assertEqual(self.run_it("--port", "0", "--port-file", "/nonexistent/port").returncode, 1)

    def test_any_key(self):
        other = Simulator()
        try:
            self.assertEqual(other.call(key="whatever").status, 200)
            self.assertEqual(other.call(Authorization="Bearer ").status, 401)
        finally:
            self.assertEqual(other.stop()[0], 0)

    def test_stops_amid_hanging_calls(self):
        other = Simulator("--delay-ms", "60000")
        other.fault("hang")
        threads = [threading.Thread(target=self.lost, args=(other,)) for _ in range(4)]
        for t in threads:
            t.start()
        while other.get("stats")["in_flight"] < 4:
            time.sleep(0.01)
        status, seconds = other.stop()
        for t in threads:
            t.join()
        self.assertEqual(status, 0, other.log)
        self.assertLess(seconds, 5)

    def lost(self, other):
        with self.assertRaises((ConnectionError, http.client.HTTPException)):
            other.call(timeout=20)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") and os.path.isfile(sys.argv[1]):
        BINARY = sys.argv.pop(1)
    unittest.main()

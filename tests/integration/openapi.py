"""docs/openapi.yaml, and whether an answer is as it says.

tests/integration/run holds every answer that harness.Stack.request() gets against it; what deviates
is remembered, and fails the test during which it came.
"""
import pathlib
import re
import threading
import traceback
import urllib.parse

import jsonschema
import yaml

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch")
FRONT_DOOR = "FrontDoor"  # of components.responses: on any path, described or not
SHOWN = 400  # characters of a body that deviates


def load():
    return yaml.load(FILE.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def lookup(document, ref):
    """What "#/a/b" stands for; KeyError where there is nothing."""
    if not ref.startswith("#/"):
        raise KeyError(ref)
    for name in ref[2:].split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document


def resolved(document, node, done=None):
    """The node with each $ref replaced by what it stands for, so that no validator has to look it
    up again and again.  One with siblings, which is a schema, becomes an allOf."""
    done = {} if done is None else done
    if isinstance(node, list):
        return [resolved(document, item, done) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {name: resolved(document, value, done) for name, value in node.items() if name != "$ref"}
    if "$ref" not in node:
        return rest
    ref = node["$ref"]
    if ref not in done:
        done[ref] = resolved(document, lookup(document, ref), done)
    if set(rest) <= {"description", "default"}:
        return done[ref]
    return rest | {"allOf": [done[ref], *rest.get("allOf", [])]}


def validator(schema):
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def of_the_whole(error):
    """Sorts last what only follows from another error within."""
    return error.validator == "unevaluatedProperties"


def reason(error):
    """The deepest error under it, as a text: of what can be null, say, not that it is not null."""
    while error.context:
        error = max(error.context, key=lambda e: (len(e.path), e.validator != "type"))
    return f"{error.json_path}: {error.message[:SHOWN]}"


class Response:
    """One answer that is described: its headers, and a schema per media type."""

    def __init__(self, response):
        self.headers = [(name, header.get("required", False), validator(header["schema"]))
                        for name, header in response.get("headers", {}).items()]
        self.content = {kind: validator(media["schema"]) if "schema" in media else None
                        for kind, media in response.get("content", {}).items()}

    def deviations(self, answer, head):
        kind = answer.headers.get_content_type() if "Content-Type" in answer.headers else None
        yield from self.deviating_headers(answer.headers)
        if not self.content:
            if answer.body or kind:
                yield f"a body of type {kind}, where none is described"
        elif kind not in self.content:
            yield f"Content-Type {kind}"
        elif self.content[kind] and not head:
            value = answer.json if kind.endswith(("/json", "+json")) else answer.body.decode(errors="replace")
            for error in sorted(self.content[kind].iter_errors(value), key=of_the_whole):
                yield reason(error)

    def deviating_headers(self, headers):
        for name, required, check in self.headers:
            if name in headers:
                for error in check.iter_errors(headers[name]):
                    yield f"header {name}: {error.message[:SHOWN]}"
            elif required:
                yield f"no header {name}"


class Description:
    """The file, made ready to hold answers against."""

    def __init__(self, document):
        whole = resolved(document, document)
        shared = {}  # a response that many operations have is compiled once

        def compiled(response):
            return shared.setdefault(id(response), Response(response))

        self.front_door = compiled(whole["components"]["responses"][FRONT_DOOR])
        self.paths = []
        # Concrete paths before templates, as OpenAPI has it.
        for path, item in sorted(whole["paths"].items(), key=lambda pair: "{" in pair[0]):
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
            self.paths.append((pattern, {
                method.upper(): {status: compiled(response)
                                 for status, response in item[method]["responses"].items()}
                for method in METHODS if method in item}))

    def operation(self, method, path):
        """{status: Response} of the operation; empty where none is described."""
        for pattern, operations in self.paths:
            if pattern.fullmatch(path):
                return operations.get("GET" if method == "HEAD" else method, {})
        return {}

    def deviations(self, method, target, answer):
        """What is wrong with the answer, as texts; none where it is as described."""
        path = urllib.parse.unquote(urllib.parse.urlsplit(target).path)
        described = self.operation(method, path).get(str(answer.status))
        wrong = [] if described else ["no such operation, or not this status"]
        for response in filter(None, (described, self.front_door)):
            found = list(response.deviations(answer, method == "HEAD"))
            if not found:
                return []
            wrong = wrong or found
        return wrong


_lock = threading.Lock()
_description = None
_deviations = []


def description():
    global _description
    with _lock:
        if _description is None:
            _description = Description(load())
        return _description


def is_page(path, headers):
    """Whether a browser's page or a part of one was asked for: those are not described."""
    wanted = next((value for name, value in headers.items() if name.lower() == "accept"), "")
    return path.startswith("/admin/assets/") or path in ("/admin", "/admin/") or (
        path.startswith("/admin/") and "text/html" in wanted)


def check(method, target, headers, answer):
    """Remember in what the answer deviates."""
    if is_page(target.partition("?")[0], headers):
        return
    wrong = description().deviations(method, target, answer)
    if len(answer.headers.get_all("X-Trace-Id") or []) != 1:
        wrong.append("not exactly one X-Trace-Id")
    if wrong:
        where = [frame for frame in traceback.extract_stack()
                 if pathlib.Path(frame.filename).name.startswith("test_")]
        at = f" ({pathlib.Path(where[-1].filename).name}:{where[-1].lineno})" if where else ""
        text = "\n  ".join((f"{method} {target}{at}: {answer.status} {answer.body[:SHOWN]!r}", *wrong[:5]))
        with _lock:
            _deviations.append(text)


def deviations():
    """Those remembered since the last call."""
    with _lock:
        found = _deviations[:]
        _deviations.clear()
    return found

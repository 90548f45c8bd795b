"""The operators' pages as they lie there: what the application says has its words in both languages, what may be chosen
is what it takes, no HTML is made of text."""
import ast
import re
import unittest

from harness import ROOT

SCRIPTS = ROOT / "nginx" / "html" / "assets" / "js"
TEXTS = SCRIPTS / "server_texts.js"
STYLES = SCRIPTS.with_name("css")
LANGUAGES = ("en", "tr")
# What only programs send, or what several things are called: the application's own sentence says which.
WORDLESS = {"bad_request", "duplicate_file", "forbidden", "https_required", "invalid_content_type", "invalid_idempotency_key",
            "invalid_multipart", "invalid_precondition", "invalid_query", "body_too_large", "no_file", "idempotency_key_reused"}
LITERALS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
FORBIDDEN = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b")


def literals(name, folder="invoice"):
    """The C file's strings, adjacent ones joined."""
    text = re.sub(r"^#[^\n]*$|/\*.*?\*/", "", (ROOT / "lib" / folder / name).read_text(), flags=re.M | re.S)
    return {"".join(ast.literal_eval(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', found))
            for found in LITERALS.findall(text)}


def strings(path):
    """The keys of a script's texts, by language."""
    found = {language: set() for language in LANGUAGES}
    inside = None
    for line in path.read_text().splitlines():
        if opened := re.match(r"\s*(en|tr): \{$", line):
            inside = opened.group(1)
        elif re.match(r"\s*\},?$", line):
            inside = None
        elif inside:
            found[inside] |= set(re.findall(r"'([\w.-]+)': ['\"]", line))
    return found


def constant(name, file="terms.js"):
    """The words of a script's array."""
    text, = re.findall(rf"^export const {name} = \[(.*?)\];", (SCRIPTS / file).read_text(), re.M | re.S)
    return re.findall(r"'([^']+)'", text)


class Words(unittest.TestCase):
    def assert_known(self, keys, path):
        for language, known in strings(SCRIPTS / path).items():
            self.assertEqual(set(), set(keys) - known, language)

    def test_both_languages_say_the_same(self):
        plural = re.compile(r"\.(one|other)$")
        for path in SCRIPTS.rglob("*.js"):
            with self.subTest(path.name):
                english, turkish = ({plural.sub("", key) for key in keys} for keys in strings(path).values())
                self.assertEqual(english, turkish)

    def test_of_problems(self):
        """Each code that tells what was wrong with a request has a sentence, or the application's own is shown."""
        described = (ROOT / "docs" / "openapi.yaml").read_text()
        codes = {code for status, found in re.findall(
            r"status: \{const: (\d+)\}(?:,|\n *)\s*code:\s*\{?(?:enum: \[|const: )([a-z_, \n]+)", described)
            for code in re.findall(r"[a-z_]+", found) if status in ("400", "403", "409", "410", "412", "413", "415", "422")}
        self.assertGreater(len(codes), 25)
        self.assertEqual(set(), WORDLESS - codes)
        self.assert_known({f"error.code.{code}" for code in codes - WORDLESS}, "strings.js")

    def test_of_failed_jobs(self):
        """Each reason that a job is given: for what the provider answered, by the worker, by the database."""
        answers = (ROOT / "lib" / "openai" / "reply.h").read_text()
        reasons = set(re.findall(r"^ \* (?:[A-Z_]+ +| {16,})([a-z0-9_]+)  ", answers, re.M)) - {"ok"}
        for path in [*(ROOT / "fcgi").glob("work*.c"), *(ROOT / "sql").glob("*.sql")]:
            reasons |= set(re.findall(r"""(?:work_fail\(w, t, |go_back\(t, |_code\[\] = |\berror_code = )["']([a-z_]+)["']""", path.read_text()))
        self.assertGreaterEqual(reasons, {"provider_http_5xx", "refusal", "worker_lost", "client_failed", "internal_error", "cancelled"})
        self.assert_known({f"jobError.{reason}" for reason in reasons}, "jobs/errors.js")

    def test_of_the_audit_log(self):
        """Each action that is written there."""
        sources = [*(ROOT / "sql").glob("*.sql"), ROOT / "lib" / "store" / "pilot.c"]
        written = " ".join(entry for path in sources for entry in re.findall(r"insert into audit_log\b[^;]*", path.read_text()))
        actions = set(re.findall(r"'([a-z_]+\.[a-z_]+)'", written))
        actions |= {f"incident.{verb}" for verb in ("opened", "repeated", "acknowledged", "resolved", "reopened")}
        actions |= {f"release.{verb}" for name in ("deploy", "releases.sh")
                    for verb in re.findall(r'\brecord ([a-z]+) "', (ROOT / "scripts" / name).read_text())}
        self.assertEqual(actions, set(constant("ACTIONS", "audit_log/words.js")))
        self.assert_known({f"audited.{action}" for action in actions}, "audit_log/words.js")


    def test_without_scripts(self):
        page = (ROOT / "nginx" / "html" / "admin.html").read_text()
        self.assertRegex(page, r"(?s)<noscript>.*need JavaScript.*<p lang=\"tr\">.*JavaScript.*</noscript>")


class Choices(unittest.TestCase):
    """What the lists' filters offer is what the application takes."""

    def taken(self, file, name):
        text, = re.findall(rf"^static const char \*const {name}\[\] = (\{{.*?\}});", (ROOT / "fcgi" / file).read_text(), re.M | re.S)
        return set(re.findall(r'"([A-Z0-9_]+)"', text))

    def test_of_incidents(self):
        for offered, name in (("INCIDENT_FLAGS", "flags"), ("STATUSES", "statuses"), ("SEVERITIES", "severities"),
                              ("CATEGORIES", "categories")):
            with self.subTest(name):
                self.assertEqual(self.taken("admin_incidents.c", name), set(constant(offered)))


class Styles(unittest.TestCase):
    def test_a_class_has_one_meaning(self):
        """What one stylesheet makes of a class, the other one does not make anew."""
        made = [set(re.findall(r"^(\.mz-[\w-]+) \{", path.read_text(), re.M)) for path in sorted(STYLES.glob("*.css"))]
        self.assertEqual(2, len(made))
        self.assertEqual(set(), set.intersection(*made))


class Sentences(unittest.TestCase):
    def translated(self):
        """The English that server_texts.js knows."""
        return {text.replace("\\'", "'") for text in re.findall(r"^ +'((?:[^'\\]|\\.)+)':", TEXTS.read_text(), re.M)}

    def test_of_the_hints(self):
        sentences = {text for text in literals("hint.c") if text.endswith(".")}
        self.assertGreater(len(sentences), 20)
        self.assertEqual(set(), sentences - self.translated())

    def test_of_the_flags(self):
        sentences = {text for name in ("quality.c", "validate.c") for text in literals(name)
                     if " " in text and "%" not in text and not text.endswith(": ") and text.strip(" ,\t\r\n")}
        self.assertGreater(len(sentences), 8)
        self.assertEqual(set(), sentences - self.translated())

    def test_with_figures(self):
        """Each format has a pattern: the words around its figures stand in server_texts.js."""
        formats = {text for found in (literals("quality.c"), literals("smoke.c", "ops"))
                   for text in found if "%" in text and re.search("[a-z]{3}", text.replace("%zu", "").replace("%lld", ""))}
        formats.discard("%sthe provider is %s until %s")  # the page takes it apart
        self.assertGreater(len(formats), 6)
        patterns = TEXTS.read_text()
        for text in formats:
            for words in re.findall(r"[a-z]{4,}(?: [a-z]{2,})*", re.sub("%zu|%s|%lld", "|", text)):
                self.assertIn(words, patterns, text)

    def test_of_smoke_runs(self):
        sentences = {text for text in literals("smoke.c", "ops") if re.search("[a-z] [a-z]", text) and "%" not in text}
        self.assertEqual({"no worker is alive"}, sentences)
        self.assertEqual(set(), sentences - self.translated())


class Scripts(unittest.TestCase):
    def test_text_never_becomes_html(self):
        for path in SCRIPTS.rglob("*.js"):
            with self.subTest(path.name):
                self.assertIsNone(FORBIDDEN.search(path.read_text()))


if __name__ == "__main__":
    unittest.main()

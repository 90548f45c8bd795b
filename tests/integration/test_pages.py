"""The operators' pages as they lie there: the application's sentences have their Turkish, no HTML is made of text."""
import ast
import re
import unittest

from harness import ROOT

SCRIPTS = ROOT / "nginx" / "html" / "assets" / "js"
TEXTS = SCRIPTS / "server_texts.js"
LITERALS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
FORBIDDEN = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b")


def literals(name):
    """The C file's strings, adjacent ones joined."""
    text = re.sub(r"^#[^\n]*$|/\*.*?\*/", "", (ROOT / "lib" / "invoice" / name).read_text(), flags=re.M | re.S)
    return {"".join(ast.literal_eval(part) for part in re.findall(r'"(?:[^"\\]|\\.)*"', found))
            for found in LITERALS.findall(text)}


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

    def test_of_the_flags_with_figures(self):
        """Each format of say() has a pattern: the words around its figures stand in server_texts.js."""
        formats = {text for text in literals("quality.c") if "%" in text and re.search("[a-z]{3}", text.replace("%zu", ""))}
        patterns = TEXTS.read_text()
        for text in formats:
            for words in re.findall(r"[a-z]{4,}(?: [a-z]{2,})*", re.sub("%zu|%s", "|", text)):
                self.assertIn(words, patterns, text)


class Scripts(unittest.TestCase):
    def test_text_never_becomes_html(self):
        for path in SCRIPTS.rglob("*.js"):
            with self.subTest(path.name):
                self.assertIsNone(FORBIDDEN.search(path.read_text()))


if __name__ == "__main__":
    unittest.main()

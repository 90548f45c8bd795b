"""Tests in a browser, on top of harness.py and tests/browser/browser.py."""
import pathlib
import sys
import unittest

from harness import ROOT, TEST_DIR, StackCase

sys.path.insert(0, str(ROOT / "tests" / "browser"))
import browser  # noqa: E402

PAGES = ("system-health", "feedback-stats", "alerts", "incidents", "jobs", "pilot", "upload", "smoke", "run-summary", "audit-log",
         "config")


class BrowserCase(StackCase):
    """A test with a window of its class's, as new.  What its console complains of fails it."""
    language = "en"
    width = 1280

    @classmethod
    def setUpClass(cls):
        if browser.missing():
            raise unittest.SkipTest(f"{browser.missing()} is not installed (scripts/deps --test)")
        super().setUpClass()
        certificate = pathlib.Path(cls.stack.env["MIZAN_CACERT"]).with_name("server.pem")
        cls.browser = browser.Browser(cls.stack.url, certificate, cls.language, cls.width)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.stack.wait_ready()  # or the console complains
        self.browser.forget()

    def _callTestMethod(self, method):
        """With a picture of a test that fails."""
        try:
            super()._callTestMethod(method)
            self.assertEqual([], self.browser.complaints())
        except (Exception, KeyboardInterrupt) as error:
            if not isinstance(error, unittest.SkipTest):
                self.picture()
            raise

    def picture(self):
        path = TEST_DIR / "shots" / f"{self.id()}.png"
        self.browser.picture(path)
        print(f"a picture: {path}", flush=True)

    def make_operator(self, role="operator", tenant=None):
        """(name, key)"""
        name, key = self.stack.make_key(tenant, role)
        self.addCleanup(self.stack.revoke_key, name)
        return name, key

    def sign_in(self, path="/admin", key=None):
        """At that page, as the operator who has all rights or as whoever has the key."""
        self.browser.open(path)
        self.browser.sign_in(key or self.stack.admin_key)
        self.browser.find(".mz-header")
        self.browser.settle()

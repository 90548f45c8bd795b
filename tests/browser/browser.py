"""A person's browser: headless Chromium, for the integration tests and for pictures.

It trusts one certificate, that of the stack's nginx, and nothing else that it would not trust anyway.
Nothing sleeps: wait() asks until what is awaited is there.
"""
import base64
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
TIMEOUT = 15
HEIGHT = 900
PHONE = 390
# A stranger's page asks who he is, and is told: nobody.
NOBODY = "/admin/session - Failed to load resource: the server responded with a status of 401"
REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (event) =>
  console.error(`Content-Security-Policy: ${event.effectiveDirective} ${event.blockedURI} in ${event.documentURI}`));
"""
SETTLED = """
const main = document.querySelector('main');
return main !== null && main.getAttribute('aria-busy') !== 'true' && !main.querySelector('.spinner-border')
    && main.querySelector('h1') !== null;
"""


def missing():
    """What is not installed, or None."""
    return next((path for path in (CHROMIUM, CHROMEDRIVER) if not os.access(path, os.X_OK)), None)


def key_hash(certificate):
    """SHA-256 of the public key in the PEM file, as Chromium wants it."""
    public = subprocess.run(["openssl", "x509", "-in", str(certificate), "-pubkey", "-noout"],
                            check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public,
                         check=True, capture_output=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der,
                            check=True, capture_output=True).stdout
    return base64.b64encode(digest).decode()


class Browser:
    """One window.  url: what paths are relative to; certificate: nginx's, a PEM file."""

    def __init__(self, url, certificate, language="en", width=1280, dark=False):
        self.url = url
        self.expected = [NOBODY]  # parts of complaints that are none
        self.home = tempfile.mkdtemp(prefix="mizan-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        arguments = ["headless=new", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
                     "disable-component-update", "disable-sync", f"lang={language}", f"accept-lang={language}",
                     f"user-data-dir={self.home}", f"ignore-certificate-errors-spki-list={key_hash(certificate)}"]
        if os.geteuid() == 0:
            arguments.append("no-sandbox")
        for argument in arguments:
            options.add_argument(f"--{argument}")
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(service=Service(CHROMEDRIVER), options=options)
        except BaseException:
            shutil.rmtree(self.home, ignore_errors=True)
            raise
        self.resize(width)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=REPORT_VIOLATIONS)
        if dark:
            self.command("Emulation.setEmulatedMedia",
                         features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self, name, **parameters):
        """Of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def resize(self, width):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT,
                     deviceScaleFactor=1, mobile=width < 600)

    def forget(self):
        """Cookies, storage and complaints gone, as in a new browser."""
        self.driver.get("about:blank")
        self.command("Storage.clearDataForOrigin", origin=self.url, storageTypes="all")
        self.command("Network.clearBrowserCookies")
        self.complaints()
        self.expected = [NOBODY]

    # --- Looking

    def wait(self, condition, what, timeout=TIMEOUT):
        """The first true value of condition(); AssertionError when there is none in time."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                value = condition()
            except StaleElementReferenceException:
                value = None
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout} s for {what} at {self.driver.current_url}")
            time.sleep(0.02)

    def all(self, selector):
        """The visible elements, as they are now."""
        return [e for e in self.driver.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()]

    def find(self, selector):
        """The first visible element, once there is one."""
        return self.wait(lambda: self.all(selector), selector)[0]

    def text(self, selector="main"):
        """Of the first visible element; one that is drawn anew while it is read is read again."""
        return self.wait(lambda: [element.text for element in self.all(selector)[:1]], selector)[0]

    def wait_text(self, text, selector="main"):
        """Until the element says so; its text."""
        return self.wait(lambda: next((e.text for e in self.all(selector) if text in e.text), None),
                         f"'{text}' in {selector}")

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def overflow(self):
        """Pixels that the page is wider than its window."""
        return self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    # --- Doing

    def open(self, path):
        """The page of that path, with all it has to load."""
        self.driver.get(self.url + path)
        self.settle()

    def settle(self):
        self.wait(lambda: self.script(SETTLED), "the page to be there")

    def click(self, selector, text=None):
        """The first visible and enabled element, which has that text if one is given."""
        def ready():
            return next((e for e in self.all(selector)
                         if e.is_enabled() and (text is None or text in e.text)), None)
        element = self.wait(ready, f"{selector} {text or ''}")
        self.script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def fill(self, selector, text):
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def paste(self, field, text):
        """Any characters at all, which the driver cannot type."""
        self.script("arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", field, text)

    def press(self, *keys):
        """On the keyboard, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, selector, text="", steps=150):
        """Tab by Tab, until the focus is on such an element."""
        for _ in range(steps):
            self.press(Keys.TAB)
            if self.script("const at = document.activeElement;"
                           "return at.matches(arguments[0]) && at.textContent.includes(arguments[1])", selector, text):
                return
        raise AssertionError(f"no Tab of {steps} reaches {selector} {text} at {self.driver.current_url}")

    def sign_in(self, key):
        """Through the form that every page shows to a stranger."""
        self.fill("#login-key", key)
        self.click(".mz-login [type=submit]")

    # --- What came of it

    def complaints(self):
        """What the console complained of since it was asked last, a violated policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")
                and not any(part in entry["message"] for part in self.expected)]

    def picture(self, path):
        """All of the page, not only what the window shows, as a PNG."""
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.command("Emulation.setScrollbarsHidden", hidden=True)  # or the picture is laid out anew, without them
        width, height = self.script("return [window.innerWidth, document.documentElement.scrollHeight]")
        shot = self.command("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": width, "height": min(height, 6000), "scale": 1})
        path.write_bytes(base64.b64decode(shot["data"]))

#!/usr/bin/python3
"""Pictures of every page, to be looked at: pages × languages × widths, in build/shots.

    /usr/bin/python3 tests/browser/shots.py --url https://localhost:PORT --key KEY [--only pilot,jobs] [--dark]
        [--language tr] [--width 390] [--out DIR]

Signs in through the form, as a person does.  Says what the console complained of (a violation of the
Content-Security-Policy among it), and whether a page is wider than its window; exit status 1 then.
`. build/run/env` gives --url and --key their defaults.
"""
import argparse
import base64
import os
import pathlib
import sys
import tempfile

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

LANGUAGES = ("en", "tr")
WIDTHS = (1280, 390)
PAGES = ("system-health", "incidents", "jobs", "pilot", "upload", "smoke", "run-summary", "audit-log", "config")
SETTLED = """
const main = document.querySelector('main');
return main !== null && !main.querySelector('.spinner-border') && main.getAttribute('aria-busy') === null
    && main.querySelector('h1') !== null;
"""


def browser(language, width, dark=False):
    """A headless Chromium that asks for the language, its windows so wide; the caller quits it."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
                     "disable-background-networking", "disable-component-update", "disable-sync",
                     "ignore-certificate-errors", f"lang={language}", f"accept-lang={language}",
                     f"user-data-dir={tempfile.mkdtemp(prefix='mizan-chromium-')}"):
        options.add_argument(f"--{argument}")
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=webdriver.chrome.service.Service("/usr/bin/chromedriver"), options=options)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600})
    if dark:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                               {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    return driver


def wait(driver, condition, seconds=20):
    return WebDriverWait(driver, seconds).until(condition)


def sign_in(driver, url, key):
    """Through the form, which any page shows to a stranger."""
    driver.get(f"{url}/admin")
    wait(driver, lambda d: d.find_elements(By.ID, "login-key"))[0].send_keys(key)
    driver.find_element(By.CSS_SELECTOR, ".mz-login [type=submit]").click()
    wait(driver, lambda d: d.find_elements(By.ID, "nav"))


def settled(driver):
    wait(driver, lambda d: d.execute_script(SETTLED))


def picture(driver, path):
    """All of the page, not only what the window shows."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return window.innerWidth")
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": width, "height": min(height, 6000), "scale": 1}})
    path.write_bytes(base64.b64decode(shot["data"]))


def complaints(driver):
    """What the console said since it was asked last, but for answers that are meant to be errors."""
    return [entry["message"] for entry in driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING") and "/admin/session - Failed to load resource" not in entry["message"]]


def too_wide(driver):
    return driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")


def details(driver, url):
    """The addresses of one incident's and one job's page, where there are any."""
    found = []
    for name in ("incidents", "jobs"):
        driver.get(f"{url}/admin/{name}")
        settled(driver)
        links = driver.find_elements(By.CSS_SELECTOR, f"main a[href*='/admin/{name}/']")
        if links:
            found.append((name[:-1], links[0].get_attribute("href")))
    return found


def walk(options, language, width):
    """Pictures of all pages in one language at one width → what there is to complain of."""
    found = []
    driver = browser(language, width, options.dark)

    def shoot(name):
        settled(driver)
        suffix = "-dark" if options.dark else ""
        picture(driver, options.out / f"{name}-{language}-{width}{suffix}.png")
        where = f"{name} {language} {width}"
        found.extend(f"{where}: {text}" for text in complaints(driver))
        if too_wide(driver) > 0:
            found.append(f"{where}: {too_wide(driver)} px wider than its window")

    try:
        driver.get(f"{options.url}/admin")
        wait(driver, lambda d: d.find_elements(By.ID, "login-key"))
        if "login" in options.only:
            shoot("login")
        sign_in(driver, options.url, options.key)
        pages = [(page, f"{options.url}/admin/{page}") for page in PAGES if page in options.only]
        if {"incident", "job"} & set(options.only):
            pages += [each for each in details(driver, options.url) if each[0] in options.only]
        for name, address in pages:
            driver.get(address)
            shoot(name)
    finally:
        driver.quit()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("MIZAN_URL"))
    parser.add_argument("--key", default=os.environ.get("ADMIN_API_KEY"))
    parser.add_argument("--only", type=lambda text: text.split(","), default=["login", *PAGES, "incident", "job"])
    parser.add_argument("--language", choices=LANGUAGES)
    parser.add_argument("--width", type=int)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/shots"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = []
    for language in [options.language] if options.language else LANGUAGES:
        for width in [options.width] if options.width else WIDTHS:
            found += walk(options, language, width)
    print("\n".join(found) or f"nothing to complain of; the pictures are in {options.out}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

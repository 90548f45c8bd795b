#!/usr/bin/python3
"""Pictures of every page, to be looked at: pages × languages × widths, in build/shots.

    /usr/bin/python3 tests/browser/shots.py --url https://localhost:PORT --key KEY --certificate PEM
        [--only pilot,jobs] [--dark] [--language tr] [--width 390] [--out DIR]

Signs in through the form, as a person does.  Says what the console complained of (a violation of the
Content-Security-Policy among it), and whether a page is wider than its window; exit status 1 then.
`. build/run/env` gives --url, --key and --certificate (nginx's own) their defaults.
"""
import argparse
import os
import pathlib
import sys

from browser import Browser

LANGUAGES = ("en", "tr")
WIDTHS = (1280, 390)
PAGES = ("system-health", "feedback-stats", "alerts", "incidents", "jobs", "pilot", "upload", "smoke", "run-summary",
         "audit-log", "config")
DETAILS = {"alert": "alerts", "incident": "incidents", "job": "jobs"}  # a page of one, by its list


def details(window, names):
    """The address of the page of the first in each of these lists, where there is one."""
    found = []
    for name in names:
        window.open(f"/admin/{DETAILS[name]}")
        links = window.all(f"main a[href*='/admin/{DETAILS[name]}/']")
        if links:
            found.append((name, links[0].get_attribute("href").removeprefix(window.url)))
    return found


def walk(options, language, width):
    """Pictures of all pages in one language at one width → what there is to complain of."""
    found = []
    window = Browser(options.url, options.certificate, language, width, options.dark)

    def shoot(name):
        suffix = "-dark" if options.dark else ""
        window.picture(options.out / f"{name}-{language}-{width}{suffix}.png")
        where = f"{name} {language} {width}"
        found.extend(f"{where}: {text}" for text in window.complaints())
        if window.overflow() > 0:
            found.append(f"{where}: {window.overflow()} px wider than its window")

    try:
        window.open("/admin")
        if "login" in options.only:
            shoot("login")
        window.sign_in(options.key)
        window.find(".mz-header")
        window.settle()
        pages = [(page, f"/admin/{page}") for page in PAGES if page in options.only]
        for name, path in pages + details(window, [name for name in DETAILS if name in options.only]):
            window.open(path)
            shoot(name)
    finally:
        window.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("MIZAN_URL"))
    parser.add_argument("--key", default=os.environ.get("ADMIN_API_KEY"))
    parser.add_argument("--certificate", default=f"{os.environ.get('MIZAN_STACK_DIR')}/tls/server.pem")
    parser.add_argument("--only", type=lambda text: text.split(","), default=["login", *PAGES, *DETAILS])
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

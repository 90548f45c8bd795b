"""Uploads, the queue and the audit's arithmetic, as operators see and change them in a browser."""
import json
import math
import unittest

from harness import DATA, EXPECTED, extraction, sample, wait_for
from operator_browser import BrowserCase
from selenium.webdriver.common.by import By

LATER = {"Prefer": "respond-async"}


class JobsCase(BrowserCase):
    def accept(self, count=1):
        """Ids of jobs that were accepted and not waited for."""
        answers = [self.upload(self.stack.unique_pdf(), headers=LATER) for _ in range(count)]
        self.assertEqual({202}, {answer.status for answer in answers})
        return [answer.json["job_id"] for answer in answers]

    def states(self, ids):
        return [self.stack.job(job).json["status"] for job in ids]

    def open_jobs(self, state=""):
        self.browser.open(f"/admin/jobs?tenant_id={self.tenant}&status={state}")

    def count(self, name):
        """The figure over that word."""
        return next(e.text.split()[0] for e in self.browser.all(".mz-tally") if name in e.text)

    def confirm(self, title):
        self.browser.wait_text(title, "dialog")
        self.browser.click("dialog [type=submit]")


class Queue(JobsCase):
    def test_it_is_followed_until_it_is_empty(self):
        self.sign_in()
        with self.stack.stopped("worker-1"):
            self.open_jobs()
            self.assertEqual("0", self.count("Queued"))
            self.accept(3)
            self.browser.wait(lambda: self.count("Queued") == "3", "three in the queue")
            self.browser.wait_text("3 jobs to go")
            self.browser.wait(lambda: len(self.browser.all("main tbody tr")) == 3, "their rows")
        self.browser.wait_text("The queue is empty.")
        self.browser.wait(lambda: self.count("Succeeded") == "3", "three that succeeded")

    def test_some_are_cancelled_and_all_retried(self):
        self.sign_in()
        with self.stack.stopped("worker-1"):
            ids = self.accept(3)
            self.open_jobs("QUEUED")
            self.browser.click("#choose-page")
            self.browser.click("main tbody input")  # one is spared
            self.browser.click("#cancel-chosen", "(2)")
            self.confirm("Cancel 2 jobs?")
            self.browser.wait_text("2 jobs cancelled.", ".mz-notice")
            self.assertEqual(["CANCELLED", "CANCELLED", "QUEUED"], sorted(self.states(ids)))
            self.open_jobs("CANCELLED")
            self.browser.click("#change-all")
            self.confirm("Retry all jobs that are “Cancelled”?")
            self.browser.wait_text("2 jobs queued again.", ".mz-notice")
        wait_for(lambda: set(self.states(ids)) == {"SUCCEEDED"}, 15, "the end of all three")

    def test_what_is_refused_says_why(self):
        self.sign_in()
        with self.stack.stopped("worker-1"):
            job, = self.accept()
            self.open_jobs("QUEUED")
            self.browser.click("main tbody input")
            self.browser.click("#cancel-chosen")
            self.browser.find("dialog")
            self.assertEqual(200, self.stack.admin("POST", f"/admin/jobs/{job}/cancel").status)
            self.confirm("Cancel 1 job?")
            said = self.browser.wait_text("left as it is", ".mz-notice")
        self.assertIn("0 jobs cancelled.", said)
        self.assertIn("it has ended already", said)

    def test_a_question_goes_with_its_session(self):
        name, key = self.stack.make_key(role="operator")
        with self.stack.stopped("worker-1"):
            self.accept()
            self.sign_in(f"/admin/jobs?tenant_id={self.tenant}&status=QUEUED", key)
            self.browser.click("main tbody input")
            self.browser.click("#cancel-chosen")
            self.browser.find("dialog")
            self.browser.expected.append("status of 401")
            self.stack.revoke_key(name)
            self.browser.find("#login-key")
            self.assertEqual([], self.browser.all("dialog"))

    def test_a_job_is_followed_to_its_end(self):
        self.sign_in()
        with self.stack.stopped("worker-1"):
            job, = self.accept()
            self.browser.open(f"/admin/jobs/{job}")
            self.browser.wait_text("Waiting in the queue")
        self.browser.wait_text("Adds up exactly")
        self.assertEqual([], self.browser.all("#change-job"))

    def test_a_viewer_cannot_change_any(self):
        _, key = self.make_operator("viewer")
        with self.stack.stopped("worker-1"):
            self.accept()
            self.sign_in(f"/admin/jobs?tenant_id={self.tenant}", key)
            self.assertEqual(1, len(self.browser.all("main tbody tr")))
            self.assertEqual([], self.browser.all("main tbody input, main tbody button"))


class Uploads(JobsCase):
    def send(self, *paths):
        """Puts the files into the page's field, which a label covers."""
        field = self.browser.driver.find_element(By.ID, "upload-files")
        field.send_keys("\n".join(str(path) for path in paths))

    def item(self, name):
        """What the page says of that file once it is done with it."""
        def done():
            text = next((e.text for e in self.browser.all(".mz-upload") if name in e.text), "")
            return text if "Sending" not in text and "Processing" not in text and "Waiting" not in text else None
        return self.browser.wait(done, f"the result of {name}")

    def test_several_at_once(self):
        self.browser.expected.append("status of 415")
        self.sign_in(f"/admin/upload?tenant_id={self.tenant}")
        self.send(sample("mismatch-s2"), sample("scan-exact"), DATA / "mismatch-s2.json")
        mismatch = self.item("mismatch-s2.pdf")
        self.assertIn("Does not add up", mismatch)
        self.assertIn("180.00", mismatch)
        self.assertIn("Adds up exactly", self.item("scan-exact.png"))
        self.assertIn("none of PDF, PNG, JPEG or WebP", self.item("mismatch-s2.json"))
        self.browser.click(".mz-upload a", "Incident")
        self.browser.wait_text("Incident", "h1")

    def test_the_same_again(self):
        self.upload_done(sample("minor"))
        self.sign_in(f"/admin/upload?tenant_id={self.tenant}")
        self.send(sample("minor"))
        self.assertIn("Received before", self.item("minor.pdf"))


class Arithmetic(JobsCase):
    """The page adds up by itself: it must come to what the application found."""

    def test_every_sample(self):
        self.sign_in()
        for name, expected in json.loads(EXPECTED.read_text()).items():
            if expected["outcome"] == "failed":
                continue
            with self.subTest(name):
                done = self.upload_done(DATA / name)
                self.browser.open(f"/admin/jobs/{done['job_id']}")
                shown = self.browser.text(".mz-ledger-result").split()
                self.assertEqual(f"{expected['delta']:,.2f}", shown[-2], shown)
                self.assertEqual([], self.browser.all(".mz-notice"))

    def test_next_to_a_limit(self):
        """A ratio that is not reached is not shown as if it were."""
        computed = self.upload_done(self.stack.unique_pdf("electricity-exact"))["audit"]["computed"]
        stated = math.floor(100 * computed / 0.8) / 100 - 0.01

        def change(answer):
            answer["tax_inclusive_amount"]["value"] = f"{stated:.2f}"
        done = self.upload_done(self.stack.unique_pdf(answer=extraction("electricity-exact"), change=change))
        self.assertEqual(0.2, done["audit"]["ratio"])
        self.sign_in(f"/admin/jobs/{done['job_id']}")
        self.assertRegex(self.browser.text(".mz-rules"), r"19\.99\d*% < 20%")

    def test_every_digit(self):
        def long(answer):
            answer["tax_inclusive_amount"]["value"] = "12345678901234567.89"
        done = self.upload_done(self.stack.unique_pdf(answer=extraction("electricity-exact"), change=long))
        self.sign_in(f"/admin/jobs/{done['job_id']}")
        self.assertIn("12,345,678,901,234,567.89", self.browser.text(".mz-ledger"))
        self.assertEqual([], self.browser.all(".mz-notice"))


if __name__ == "__main__":
    unittest.main()

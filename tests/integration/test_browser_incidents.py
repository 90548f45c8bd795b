"""An operator's day in a browser: an incident from the list to its feedback, an upload, a smoke run."""
import unittest

from harness import PILOT, extraction
from operator_browser import BrowserCase

HOSTILE = "<script>document.title='hit'</script>\"'&\u202egnp.exe =1+1 " + "x" * 10000


class Incident(BrowserCase):
    def mismatch(self, name="electricity-exact", change=None):
        """The result of a new invoice that is an S1 mismatch, whatever document it comes on."""
        return self.upload_done(self.stack.unique_pdf(name, extraction("mismatch-s1"), change=change))

    def coverage(self):
        """Of this tenant, as system health shows it."""
        self.browser.open(f"/admin/system-health?tenant_id={self.tenant}")
        cells = self.browser.text("#metric-feedback_coverage")
        return cells.replace("Feedback coverage", "").split()[0]

    def open_incident(self, done):
        self.browser.open(f"/admin/incidents/{done['incident']['id']}")

    def resolve(self, note=None):
        self.browser.click("main button", "Resolve…")
        if note:
            self.browser.fill("#resolution-note", note)
        self.browser.click("main form button[type=submit]", "Resolve")
        self.browser.find(".mz-feedback")

    def test_a_document_that_was_kept_for_long_enough(self):
        done = self.mismatch()
        self.stack.sql(f"update documents set content = null where tenant_id = '{self.tenant}'")
        self.browser.expected.append("status of 410")
        self.addCleanup(self.browser.expected.remove, "status of 410")
        self.sign_in(f"/admin/incidents/{done['incident']['id']}", self.make_operator()[1])
        self.browser.wait_text("is gone; what was read from it stays", ".mz-beside-document")
        self.assertEqual([], self.browser.all(".mz-beside-document iframe"))

    def test_from_the_list_to_coverage(self):
        done = self.mismatch()
        number = done["extraction"]["invoice_number"]["value"]
        name, key = self.make_operator()
        self.sign_in("/admin/incidents", key)
        self.browser.fill("#filter-q", number)
        self.browser.click(".mz-filters [type=submit]")
        self.browser.wait(lambda: len(self.browser.all("main tbody tr")) == 1, "the one incident")
        self.browser.click("main tbody a", number)
        self.browser.wait_text(number[:6], "h1")
        self.browser.settle()
        self.assertIn("39,009.60", self.browser.text())  # stated
        self.assertIn("35,409.60", self.browser.text())  # computed
        self.browser.find("iframe[src$='/document']")
        self.assertEqual("0%", self.coverage())

        self.open_incident(done)
        self.browser.click("main button", "Acknowledge")
        self.browser.wait_text("Back to open")
        self.resolve("the supplier corrected it")
        self.browser.click("label[for=was_hint_correct-yes]")
        self.browser.fill("#feedback-cause", "allowance deducted twice")
        self.browser.click(".mz-feedback [type=submit]")
        trail = self.browser.wait_text("gave feedback", ".mz-trail")
        for text in (name, "acknowledged it", "resolved it", "the supplier corrected it"):
            self.assertIn(text, trail)
        self.assertEqual("100%", self.coverage())

        given = self.stack.admin("GET", f"/admin/incidents/{done['incident']['id']}").json
        self.assertEqual(("RESOLVED", name, True, "allowance deducted twice"),
                         (given["status"], given["feedback"]["operator"], given["feedback"]["was_hint_correct"],
                          given["feedback"]["actual_root_cause"]))

    def test_an_image_is_shown(self):
        done = self.mismatch("scan-exact")
        self.sign_in()
        self.open_incident(done)
        self.browser.wait(lambda: self.browser.script(
            "return document.querySelector('.mz-document-image')?.naturalWidth"), "the picture")

    def test_the_second_of_two_is_told(self):
        done = self.mismatch()
        path = f"/admin/incidents/{done['incident']['id']}"
        self.browser.expected.append("status of 412")
        self.sign_in(path)
        other, key = self.make_operator()
        self.assertEqual(200, self.stack.admin("PATCH", path, {"status": "ACK"}, key).status)
        self.browser.click("main button", "Resolve…")
        self.browser.fill("#resolution-note", "mine")
        self.browser.click("main form button[type=submit]", "Resolve")
        self.assertIn(other, self.browser.wait_text("Nothing was changed", "main [role=alert]"))
        self.assertEqual("mine", self.browser.find("#resolution-note").get_attribute("value"))
        self.assertEqual("ACK", self.stack.admin("GET", path).json["status"])

    def test_hostile_text_is_text(self):
        def spoil(answer):
            answer["seller"]["name"].update(value=HOSTILE, evidence=HOSTILE[:120])
        done = self.mismatch(change=spoil)
        self.sign_in()
        for path in ("/admin/incidents?q=gnp", f"/admin/incidents/{done['incident']['id']}",
                     f"/admin/jobs/{done['job_id']}", f"/admin/system-health?tenant_id={self.tenant}"):
            with self.subTest(path=path.split("/")[2]):
                self.browser.open(path)
                self.browser.wait(lambda: "<script>" in self.browser.text(), "the name")
                self.assertNotEqual("hit", self.browser.driver.title)
                self.assertLessEqual(self.browser.overflow(), 0)

    def test_a_viewer_only_looks(self):
        done = self.mismatch()
        _, key = self.make_operator("viewer")
        self.sign_in(f"/admin/incidents/{done['incident']['id']}", key)
        self.assertIn("may look but not decide", self.browser.text())
        self.assertEqual([], [b.text for b in self.browser.all("main button") if b.text in ("Acknowledge", "Resolve…")])


class Upload(BrowserCase):
    def setUp(self):
        super().setUp()
        self.stack.reset_pilot()
        self.addCleanup(self.stack.reset_pilot)

    def send_file(self, document):
        """Chosen in the dialog, so to say."""
        path = self.file_of(document)
        self.browser.open(f"/admin/upload?tenant_id={PILOT}")
        self.browser.script("return document.querySelector('#upload-files')").send_keys(str(path))

    def file_of(self, document):
        path = self.stack.dir / "upload" / document.filename
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(document.content)
        self.addCleanup(path.unlink)
        return path

    def test_refused_while_the_pilot_is_off(self):
        self.browser.expected.append("/admin/upload?tenant_id=pilot - Failed to load resource: the server responded with a status of 403")
        self.stack.admin("PUT", "/admin/pilot", {"enabled": False, "reason": "for the test"})
        self.sign_in()
        self.send_file(self.stack.unique_pdf())
        self.browser.wait_text("The pilot is switched off")

    def test_to_its_incident(self):
        self.sign_in()
        self.send_file(self.stack.unique_pdf("mismatch-s1"))
        self.browser.click("main a", "Incident")
        self.browser.wait(lambda: "/admin/incidents/" in self.browser.driver.current_url, "its incident")
        self.browser.settle()
        self.assertIn("39,009.60", self.browser.text())

    def test_smoke_run(self):
        counted = f"select count(*) from jobs where tenant_id = '{PILOT}' and not smoke"
        before = self.stack.value(counted)
        self.sign_in("/admin/smoke")
        self.browser.click("main button.btn-primary")
        self.browser.wait_text("Passed")
        self.assertEqual(before, self.stack.value(counted))


if __name__ == "__main__":
    unittest.main()

"""An operator's day in a browser: an incident from the list to its feedback, an upload, a smoke run."""
import unittest

from harness import PILOT, Document, extraction, sample
from operator_browser import BrowserCase
from selenium.webdriver.common.keys import Keys

SCRIPT = "<script>document.title='hit'</script>\"'&\u202egnp.exe"
SMOKE = Document(sample("smoke").read_bytes())
HOSTILE = SCRIPT + " =1+1 " + "x" * 10000


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

    def test_hostile_name_note_and_cause_are_text(self):
        """As long as each may be; a file's name is cut, and has lost what turns the direction."""
        name = "=1+1 <img src=x onerror=document.title='hit'>'&gnp.exe \""
        note, cause = ((f"=1+1 {what} {SCRIPT}" + "x" * size)[:size] for what, size in (("note", 2000), ("cause", 200)))
        document = self.stack.unique_pdf("electricity-exact", extraction("mismatch-s1"))
        done = self.upload_done(document, filename=name.replace("gnp", "\u202egnp").replace('"', r'\"') + "x" * 3000 + ".pdf")
        path = f"/admin/incidents/{done['incident']['id']}"
        for part, body in (("", {"status": "RESOLVED", "resolution_note": note}),
                           ("/feedback", {"action_taken": "ESCALATED", "was_hint_correct": False, "actual_root_cause": cause,
                                          "resolution_time_seconds": 1})):
            self.assertEqual(200, self.stack.admin("PATCH", path + part, body).status)
        self.sign_in()
        for page, texts in ((path, (name, note[:200], cause)), (f"/admin/jobs/{done['job_id']}", (name,)),
                            (f"/admin/jobs?tenant_id={self.tenant}", (name[:60],)),
                            (f"/admin/audit-log?tenant_id={self.tenant}", (note[:200], cause))):
            with self.subTest(page=page.split("?")[0]):
                self.browser.open(page)
                shown = self.browser.script("return document.querySelector('main').textContent")
                self.assertEqual([], [text for text in texts if text not in shown])
                self.assertEqual([], self.browser.all("main script, main img"))
                self.assertNotEqual("hit", self.browser.driver.title)
                self.assertLessEqual(self.browser.overflow(), 0)

    def test_the_next_operator_sees_nothing_of_the_former(self):
        done = self.mismatch()
        path = f"/admin/incidents/{done['incident']['id']}"
        self.sign_in(path, self.make_operator()[1])
        self.browser.click("main button", "Resolve…")
        self.browser.fill("#resolution-note", "what only the first one knows")
        self.browser.click(".mz-header button", "Sign out")
        self.browser.find("#login-key")
        self.browser.click(".mz-language button[lang=tr]")
        self.browser.wait_text("Giriş", ".mz-login")
        self.browser.sign_in(self.make_operator()[1])
        self.browser.find(".mz-header")
        self.browser.settle()
        self.assertEqual([], self.browser.all("#resolution-note"))
        self.browser.click("main button", "Çöz…")
        self.assertEqual("", self.browser.find("#resolution-note").get_attribute("value"))

    def test_with_the_keyboard_alone(self):
        done = self.mismatch()
        number = done["extraction"]["invoice_number"]["value"]
        name, key = self.make_operator()
        self.browser.open("/admin")
        self.browser.press(key, Keys.ENTER)
        self.browser.find(".mz-header")
        self.browser.settle()
        self.browser.tab_to("#nav a", "Incidents")
        self.browser.press(Keys.ENTER)
        self.browser.wait_text("Incidents", "h1")
        self.browser.settle()
        self.browser.tab_to("#filter-q")
        self.browser.press(number, Keys.ENTER)
        self.browser.wait(lambda: len(self.browser.all("main tbody tr")) == 1, "the one incident")
        self.browser.tab_to("main tbody a", number)
        self.browser.press(Keys.ENTER)
        self.browser.wait_text(number[:6], "h1")
        self.browser.settle()
        self.browser.tab_to("main button", "Acknowledge")
        self.browser.press(Keys.ENTER)
        self.browser.wait_text("Back to open")
        self.assertIn("Resolve…", self.browser.script("return document.activeElement.textContent"))
        self.browser.press(Keys.ENTER)
        self.browser.find("#resolution-note")
        self.browser.press("found by hand")
        self.browser.tab_to("main form [type=submit]", "Resolve")
        self.browser.press(Keys.ENTER)
        self.browser.find(".mz-feedback")
        self.browser.press(Keys.SPACE)
        self.browser.tab_to(".mz-feedback [type=submit]")
        self.browser.press(Keys.ENTER)
        self.browser.wait_text("gave feedback", ".mz-trail")
        given = self.stack.admin("GET", f"/admin/incidents/{done['incident']['id']}").json
        self.assertEqual(("RESOLVED", "found by hand", name, True), (given["status"], given["resolution_note"],
                                                                     given["feedback"]["operator"], given["feedback"]["was_hint_correct"]))

    def test_confidence_is_judged_by_the_settings(self):
        done = self.mismatch()
        self.sign_in()
        self.open_incident(done)
        self.assertEqual([], self.browser.all(".mz-confidence-low"))
        with self.stack.settings("admin", LOW_CONFIDENCE=0.98, OCR_SUSPECT_CONFIDENCE=0.99):
            self.open_incident(done)
            judged = {tuple(e.text.split()) for e in self.browser.all(".mz-confidence-low")}
            self.assertLessEqual({("0.97", "⚠", "low"), ("0.98", "⚠", "unsure")}, judged)

    def test_a_text_is_counted_as_the_server_counts_it(self):
        """Characters, however many units a browser needs for each; what is too long stays, and is not sent."""
        done = self.mismatch()
        self.sign_in(f"/admin/incidents/{done['incident']['id']}")
        self.browser.click("main button", "Resolve…")
        field = self.browser.find("#resolution-note")
        for size, valid in ((2000, True), (2001, False)):
            self.browser.paste(field, "\U0001f9fe" * size)
            self.assertEqual(f"{size:,} / 2,000", self.browser.text("#resolution-note-count"))
            self.assertEqual(valid, self.browser.script("return arguments[0].checkValidity()", field))

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


class TurkishSmoke(BrowserCase):
    language = "tr"

    def test_what_went_wrong_in_the_readers_language(self):
        self.sim.answer(SMOKE.sha256, {"refusal": "I will not read this."})
        self.sign_in(f"/admin/smoke?tenant_id={self.tenant}")
        self.browser.click("main button.btn-primary")
        self.assertIn("Model belgeyi okumayı reddetti.", self.browser.wait_text("Kaldı"))
        self.assertEqual("the model refused", self.browser.text(".mz-stage-detail [lang=en]"))
        with self.stack.stopped("worker-1"):
            self.browser.click("main button.btn-primary")
            self.browser.wait_text("çalışan worker yok")


if __name__ == "__main__":
    unittest.main()

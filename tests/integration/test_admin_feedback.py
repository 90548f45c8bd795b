"""Feedback on resolved incidents (SPEC §7)."""
import json
import unittest

from operators import NOBODYS, OperatorCase

ACTIONS = ("VERIFIED_OCR", "VERIFIED_LOGIC", "ACCEPTED_ROUNDING", "ESCALATED", "NO_ACTION_REQUIRED")


class Feedback(OperatorCase):
    def setUp(self):
        super().setUp()
        self.incident_id = self.incident()

    def resolve(self):
        return self.patched(self.incident_id, "RESOLVED")

    def assert_none(self):
        self.assertIsNone(self.detail(self.incident_id)["feedback"])
        self.assertNotIn("feedback.given", [action for _, action, _ in self.history(self.incident_id)])

    def test_given(self):
        self.resolve()
        name, key = self.operator(tenant=self.tenant)
        answer = self.give(self.incident_id, {"actual_root_cause": "ş\n\t'\"<b>=1+1" + "ş" * 188}, key=key)
        self.assertEqual((200, '"3"', 3, name), (answer.status, answer.headers["ETag"], answer.json["revision"],
                                                 answer.json["changed_by"]))
        feedback = answer.json["feedback"]
        self.assertEqual(feedback["created_at"], feedback["changed_at"])
        said = {"action_taken": "VERIFIED_LOGIC", "was_hint_correct": True, "resolution_time_seconds": 90,
                "actual_root_cause": "ş\n\t'\"<b>=1+1" + "ş" * 188, "operator": name}
        self.assertEqual(said, {k: v for k, v in feedback.items() if not k.endswith("_at")})
        self.assertEqual(answer.json, self.detail(self.incident_id))
        self.assertTrue(self.list()["incidents"][0]["has_feedback"])
        self.assertEqual((name, "feedback.given", {"old_feedback": None, "feedback": said}),
                         self.history(self.incident_id)[-1])
        self.assertEqual((name, self.incident_id, "an operator set feedback"), tuple(
            self.stack.log("admin", "incident.changed")[-1][k] for k in ("principal", "incident_id", "message")))

    def test_every_action(self):
        self.resolve()
        for action in ACTIONS:
            with self.subTest(action):
                self.assertEqual(action, self.give(self.incident_id, {"action_taken": action}).json["feedback"]["action_taken"])

    def test_sent_again_it_replaces(self):
        self.resolve()
        (anna, anna_key), (bora, bora_key) = self.operator(), self.operator()
        first = self.give(self.incident_id, key=anna_key).json["feedback"]
        second = self.give(self.incident_id, {"was_hint_correct": False, "resolution_time_seconds": 0},
                           drop=["actual_root_cause"], key=bora_key).json["feedback"]
        self.assertEqual((False, 0, None, bora, first["created_at"]),
                         tuple(second[k] for k in ("was_hint_correct", "resolution_time_seconds", "actual_root_cause",
                                                   "operator", "created_at")))
        self.assertGreater(second["changed_at"], first["changed_at"])
        self.assertEqual(1, self.stack.value(f"select count(*) from incident_feedback where incident_id = '{self.incident_id}'"))
        actor, action, detail = self.history(self.incident_id)[-1]
        self.assertEqual((bora, "feedback.replaced", anna, "two pages", None),
                         (actor, action, detail["old_feedback"]["operator"], detail["old_feedback"]["actual_root_cause"],
                          detail["feedback"]["actual_root_cause"]))

    def test_it_stays_when_reopened(self):
        self.resolve()
        feedback = self.give(self.incident_id).json["feedback"]
        self.assertEqual(feedback, self.patched(self.incident_id, "OPEN")["feedback"])
        self.assert_problem(self.give(self.incident_id), 400, "incident_not_resolved")
        self.resolve()
        self.assertEqual(200, self.give(self.incident_id, {"was_hint_correct": False}).status)

    def test_only_when_resolved(self):
        for status in (None, "ACK"):
            with self.subTest(status):
                if status:
                    self.patched(self.incident_id, status)
                answer = self.give(self.incident_id)
                self.assert_problem(answer, 400, "incident_not_resolved")
                self.assertIn(status or "OPEN", answer.json["detail"])
        self.assert_none()

    def test_missing(self):
        for name in (NOBODYS, "x"):
            self.assert_problem(self.give(name), 404, "incident_not_found")

    def test_bad_action(self):
        self.resolve()
        for value in ("", "verified_ocr", "OTHER", None, 1, ["ESCALATED"], "ESCALATED\0", {}):
            with self.subTest(value):
                self.assert_problem(self.give(self.incident_id, {"action_taken": value}), 400, "invalid_feedback_action")
        self.assert_problem(self.give(self.incident_id, drop=["action_taken"]), 400, "invalid_feedback_action")
        self.assert_none()

    def test_bad_data(self):
        self.resolve()
        cases = [("was_hint_correct", v) for v in (None, "true", 1, 0, [])]
        cases += [("resolution_time_seconds", v) for v in (None, -1, 1.5, 1.0, "90", True, 2 ** 63, 10 ** 30)]
        cases += [("actual_root_cause", v) for v in (1, "x" * 201, "ş" * 201, "a\0b", "a\x1bb", "a\rb", "\x85", ["x"])]
        # Whose it is, is the key's to say.
        cases += [("operator", "mallory"), ("incident_id", NOBODYS), ("x", None)]
        for name, value in cases:
            with self.subTest(name, value=value):
                self.assert_problem(self.give(self.incident_id, {name: value}), 400, "invalid_feedback_data")
        for name in ("was_hint_correct", "resolution_time_seconds"):
            self.assert_problem(self.give(self.incident_id, drop=[name]), 400, "invalid_feedback_data")
        good = json.dumps({"action_taken": "ESCALATED", "was_hint_correct": True, "resolution_time_seconds": 1})
        for body in (b"", b"[]", b"null", good[:-1].encode(), good.encode() + b"x", b'{"a":1,"a":1}', b"{" + b" " * 33000 + b"}",
                     good.replace("ESCALATED", "ESCALATED\xff").encode("latin-1")):
            with self.subTest(body[:40]):
                self.assert_problem(self.raw("PATCH", f"/admin/incidents/{self.incident_id}/feedback", body), 400,
                                    "invalid_feedback_data")
        self.assert_none()

    def test_the_largest_time(self):
        self.resolve()
        answer = self.give(self.incident_id, {"resolution_time_seconds": 2 ** 63 - 1})
        self.assertEqual((200, 2 ** 63 - 1), (answer.status, answer.json["feedback"]["resolution_time_seconds"]))

    def test_if_match(self):
        self.resolve()
        name, key = self.operator()
        self.assertEqual(200, self.give(self.incident_id, key=key, headers={"If-Match": '"2"'}).status)
        answer = self.give(self.incident_id, {"was_hint_correct": False}, headers={"If-Match": '"2"'})
        self.assert_problem(answer, 412, "precondition_failed")
        self.assertIn(f"{name} changed it last", answer.json["detail"])
        self.assert_problem(self.give(self.incident_id, headers={"If-Match": "2"}), 400, "invalid_precondition")
        self.assertTrue(self.detail(self.incident_id)["feedback"]["was_hint_correct"])

    def test_two_at_once(self):
        self.resolve()
        operators = [self.operator() for _ in range(4)]
        answers = self.at_once([lambda k=key: self.give(self.incident_id, key=k, headers={"If-Match": '"2"'})
                                for _, key in operators])
        self.assertEqual([200, 412, 412, 412], sorted(a.status for a in answers))
        (winner,) = [name for (name, _), a in zip(operators, answers) if a.status == 200]
        self.assertEqual(winner, self.detail(self.incident_id)["feedback"]["operator"])
        self.assertEqual(2, len(self.history(self.incident_id)))


if __name__ == "__main__":
    unittest.main()

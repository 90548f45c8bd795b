"""Operators in a browser: the session's cookie, what it opens, and what ends it (SPEC §1)."""
import re
import uuid

from harness import StackCase, multipart, wait_for

COOKIE = "__Host-mizan_session"
LOGIN_MEMBERS = {"name", "role", "tenant_id", "expires_at", "tenants", "pilot_tenant_id", "environment",
                 "build_id", "config_hash", "max_upload_bytes"}


class Browser:
    """Keeps the cookie, and says where its requests come from, as browsers do."""

    def __init__(self, stack):
        self.stack = stack
        self.value = None
        self.host = stack.address.netloc

    def send(self, method, path, body=None, origin=True, headers=None, key=False, query=None):
        sent = dict(headers or {})
        if self.value is not None:
            sent.setdefault("Cookie", f"theme=dark; {COOKIE}={self.value}; lang=tr")
        if origin:
            sent.setdefault("Origin", f"https://{self.host}")
            sent.setdefault("Sec-Fetch-Site", "same-origin")
        return self.stack.admin(method, path, body, key, sent, query)

    def log_in(self, key, **options):
        answer = self.send("POST", "/admin/session", {"key": key}, **options)
        if answer.status == 200:
            self.value = re.match(COOKIE + "=([^;]+)", answer.headers["Set-Cookie"])[1]
        return answer

    def get(self, path="/admin/session"):
        return self.send("GET", path, origin=False)

    @property
    def id(self):
        return self.value.partition(".")[0]


class SessionCase(StackCase):
    def setUp(self):
        super().setUp()
        self.browser = Browser(self.stack)

    def logged_in(self, role="operator", tenant=None):
        """The name of a new operator, who has logged in with self.browser."""
        name, key = self.stack.make_key(tenant, role)
        answer = self.browser.log_in(key)
        self.assertEqual(200, answer.status, answer)
        return name

    def assert_ended(self, answer=None):
        answer = answer or self.browser.get()
        self.assert_problem(answer, 401, "session_ended")
        self.assertIn(f"{COOKIE}=;", answer.headers["Set-Cookie"])
        self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])

    def audited(self, name):
        return self.stack.sql("select action, object, tenant_id, detail from audit_log"
                              f" where actor = '{name}' order by id")


class Login(SessionCase):
    def test_cookie(self):
        _, key = self.stack.make_key(None, "operator")
        answer = self.browser.log_in(key)
        self.assertEqual(200, answer.status, answer)
        cookies = answer.headers.get_all("Set-Cookie")
        self.assertEqual(1, len(cookies))
        value, *attributes = cookies[0].split("; ")
        self.assertRegex(value, COOKIE + r"=[0-9a-f-]{36}\.[0-9a-f]{64}$")
        self.assertEqual({"Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=43200"}, set(attributes))
        self.assertEqual("no-store", answer.headers["Cache-Control"])
        self.assertEqual("43200", str(self.stack.value(
            "select round(extract(epoch from expires_at - created_at)) from sessions"
            f" where id = '{self.browser.id}'")))

    def test_who_it_is(self):
        name, key = self.stack.make_key(None, "operator")
        answer = self.browser.log_in(key)
        self.assertEqual(LOGIN_MEMBERS, set(answer.json))
        self.assertEqual((name, "operator", None), tuple(answer.json[k] for k in ("name", "role", "tenant_id")))
        self.assertRegex(answer.json["expires_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("pilot", answer.json["tenants"])
        self.assertEqual(sorted(answer.json["tenants"]), answer.json["tenants"])
        self.assertEqual(answer.json, self.browser.get().json)
        self.assertEqual("pilot", answer.json["pilot_tenant_id"])
        self.assertEqual(self.stack.ready().json["config_hash"], answer.json["config_hash"])

    def test_bound_to_a_tenant(self):
        self.upload_done(self.stack.unique_pdf())
        self.logged_in("viewer", self.tenant)
        for path in ("/admin/session", "/admin/tenants"):
            self.assertEqual([self.tenant], self.browser.get(path).json["tenants"])
        self.assertEqual(self.tenant, self.browser.get().json["tenant_id"])
        self.assert_problem(self.browser.get("/admin/pilot"), 403, "wrong_tenant")

    def test_every_tenant_with_documents(self):
        self.upload_done(self.stack.unique_pdf())
        tenants = self.stack.admin("GET", "/admin/tenants").json["tenants"]
        self.assertIn(self.tenant, tenants)
        self.assertIn("pilot", tenants)
        self.assertEqual(sorted(set(tenants)), tenants)

    def test_the_environments_admin(self):
        answer = self.browser.log_in(self.stack.admin_key)
        self.assertEqual(("admin", "admin", None), tuple(answer.json[k] for k in ("name", "role", "tenant_id")))
        self.assertEqual("admin", self.browser.get().json["name"])

    def test_body(self):
        for body in (None, "", "null", "[]", "{}", '{"key":""}', '{"key":null}', '{"key":7}', '{"key":"a","x":1}',
                     '{"key":"a","key":"b"}', '{"key":"a\\u0000b"}', '{"key":"a"} ', "{" * 5000):
            with self.subTest(body=body):
                answer = self.stack.request("POST", "/admin/session", body)
                if body == '{"key":"a"} ':  # white space is JSON's
                    self.assert_problem(answer, 401, "invalid_api_key")
                else:
                    self.assert_problem(answer, 400, "invalid_login")

    def test_wrong_key_is_counted(self):
        def failures():
            return self.stack.value("select coalesce(sum(failures), 0) from login_failures")
        before = failures()
        answer = self.browser.log_in("mz_nobody")
        self.assert_problem(answer, 401, "invalid_api_key")
        self.assertIsNone(answer.headers["Set-Cookie"])
        self.assertEqual(before + 1, failures())
        self.browser.log_in("mz_nobody")
        self.assertEqual(before + 2, failures())
        self.logged_in()
        self.assertEqual(before + 2, failures())
        self.assertEqual([["127.0.0.1"]], self.stack.sql("select distinct address from login_failures"))

    def test_client_key(self):
        _, key = self.stack.make_key()
        for wrong in (key, self.stack.api_key):
            self.assert_problem(self.browser.log_in(wrong), 401, "invalid_api_key")

    def test_guessing_is_slowed_down(self):
        with self.stack.settings("admin", WRONG_KEYS_PER_MINUTE=3):
            _, key = self.stack.make_key(None, "operator")
            self.assertEqual(200, self.browser.log_in(key).status)
            for _ in range(3):
                self.assert_problem(self.browser.log_in(f"mz_{uuid.uuid4()}"), 401, "invalid_api_key")
            answer = self.browser.log_in(f"mz_{uuid.uuid4()}")
            self.assert_problem(answer, 429, "too_many_wrong_keys")
            self.assertIn(int(answer.headers["Retry-After"]), range(1, 21))
            # Keys in headers are counted with those of the login.
            self.assert_problem(self.stack.admin("GET", "/admin/pilot", key="mz_x"), 429, "too_many_wrong_keys")
            # Who is known is let in, by key and by cookie.
            self.assertEqual(200, self.browser.get().status)
            self.assertEqual(200, self.browser.log_in(key).status)

    def test_no_key_in_answers_or_logs(self):
        name, key = self.stack.make_key(None, "operator")
        bodies = self.browser.log_in(key).body + self.browser.get().body
        bodies += self.browser.log_in("mz_wrongsecret").body
        self.browser.send("DELETE", "/admin/session")
        logs = "".join(self.stack.log_text(n) for n in ("admin", "access", "nginx"))
        for secret in (key, "mz_wrongsecret", self.browser.value, self.browser.id):
            self.assertNotIn(secret.encode(), bodies)
            self.assertNotIn(secret, logs)
        self.assertNotIn(self.browser.id, str(self.audited(name)))

    def test_audit_log(self):
        name = self.logged_in("operator", self.tenant)
        self.assertEqual(204, self.browser.send("DELETE", "/admin/session").status)
        self.assert_ended()
        self.assertEqual([["session.opened", "session", self.tenant, "{}"],
                          ["session.closed", "session", self.tenant, "{}"]], self.audited(name))

    def test_names_go_into_the_audit_log(self):
        name = self.logged_in()
        for enabled in (False, True):
            answer = self.browser.send("PUT", "/admin/pilot", {"enabled": enabled, "reason": "a look"})
            self.assertEqual((200, name), (answer.status, answer.json["changed_by"]))
        self.assertEqual(["session.opened", "pilot.set", "pilot.set"], [row[0] for row in self.audited(name)])

    def test_names(self):
        """Whatever people are called; not what the audit log calls Mizan's own parts."""
        def create(name):
            return self.stack.api_key_script("create", "--name", name, "--role", "operator")
        for stem in ("Ayşe Yılmaz ", "Ünal-", "Ольга "):
            name = stem + uuid.uuid4().hex[:8]
            with self.subTest(name=name):
                made = create(name)
                self.assertEqual(0, made.returncode, made.stdout)
                answer = self.browser.log_in(made.stdout.split()[-1])
                self.assertEqual((200, name, None), (answer.status, answer.json["name"], answer.json["tenant_id"]))
                self.assertEqual(["session.opened"], [row[0] for row in self.audited(name)])
                self.stack.revoke_key(name)
                self.assert_ended()
        for name in ("", " a", "a ", "-a", "a\nb", "a'b", "a\u202eb", "<b>", "ş" * 32, "admin", "env", "worker"):
            with self.subTest(name=name):
                self.assertNotEqual(0, create(name).returncode)

    def test_old_rows_go(self):
        old = str(uuid.uuid4())
        self.stack.sql("insert into sessions (id, key_sha256, expires_at) values"
                       f" ('{old}', sha256('x'), now() - interval '25 hours');"
                       "insert into login_failures values ('192.0.2.1', now() - interval '31 days', 1)")
        self.browser.log_in("mz_nobody")
        self.logged_in()
        self.assertEqual(0, self.stack.value(f"select count(*) from sessions where id = '{old}'"))
        self.assertEqual(0, self.stack.value("select count(*) from login_failures where address = '192.0.2.1'"))

    def test_addresses(self):
        self.stack.sql("delete from login_failures")
        for address in ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::7", "::ffff:192.0.2.9", "192.0.2.9", "unix:"):
            self.stack.sql(f"select login_failed('{address}')", role="admin")
        self.assertEqual([["192.0.2.9", "2"], ["2001:db8:1:2::", "2"], ["unix:", "1"]], self.stack.sql(
            "select address, sum(failures) from login_failures group by 1 order by 1"))
        self.stack.sql("delete from login_failures")


class End(SessionCase):
    def test_logout(self):
        self.logged_in()
        answer = self.browser.send("DELETE", "/admin/session")
        self.assertEqual((204, b""), (answer.status, answer.body))
        self.assertIn(f"{COOKIE}=; ", answer.headers["Set-Cookie"])
        self.assertIn("Max-Age=0", answer.headers["Set-Cookie"])
        self.assert_ended()
        self.assert_ended(self.browser.send("DELETE", "/admin/session"))

    def test_nobody(self):
        for method in ("GET", "DELETE"):
            self.assert_problem(self.browser.send(method, "/admin/session"), 401, "missing_api_key")

    def test_revoked_key(self):
        name = self.logged_in()
        self.stack.revoke_key(name)
        self.assert_ended()

    def test_expired(self):
        self.logged_in()
        self.stack.sql(f"update sessions set expires_at = now() where id = '{self.browser.id}'")
        self.assert_ended()

    def test_another_admin_key(self):
        self.browser.log_in(self.stack.admin_key)
        with self.stack.settings("admin", ADMIN_API_KEY="another-" + "k" * 40):
            self.assert_ended()
        self.assertEqual(200, self.browser.get().status)

    def test_forged(self):
        self.logged_in()
        good = self.browser.value
        altered = good[:-1] + ("0" if good[-1] != "0" else "1")
        other_id = str(uuid.uuid4()) + good[36:]
        before = self.stack.value("select count(*) from sessions")
        for value in (altered, other_id, good.upper(), good[:-1], good + "0", "", "x", "a" * 4000, f'"{good}"',
                      good.replace(".", "|"), good[:36], f"{good}; {COOKIE}={good}", f"x; {COOKIE}={good}"):
            with self.subTest(value=value):
                self.browser.value = value
                self.assert_ended()
        self.browser.value = good
        self.assertEqual(200, self.browser.get().status)
        self.assertEqual(before, self.stack.value("select count(*) from sessions"))

    def test_forged_cookie_asks_nobody(self):
        self.logged_in()
        good = self.browser.value
        self.browser.value = good[:-1] + ("0" if good[-1] != "0" else "1")
        with self.stack.stopped("postgres"):
            self.assert_ended()
            self.browser.value = good
            self.assertEqual(503, self.browser.get().status)
        wait_for(lambda: self.browser.get().status == 200, what="the database back")

    def test_another_process(self):
        self.logged_in()
        self.stack.restart("admin")
        self.assertEqual(200, self.browser.get().status)


class Guards(SessionCase):
    SWITCH = {"enabled": True, "reason": "still on"}

    def test_foreign_origin(self):
        self.logged_in()
        host = self.browser.host
        bad = ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": f"http://{host}"},
               {"Origin": f"https://{host}.evil.example"}, {"Origin": f"https://{host}:1"}, {"Origin": ""},
               {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": ""},
               {"Origin": f"https://{host}", "Sec-Fetch-Site": "cross-site"},
               {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, {})
        for method, path, body in (("PUT", "/admin/pilot", self.SWITCH), ("DELETE", "/admin/session", None)):
            for headers in bad:
                with self.subTest(method=method, headers=headers):
                    answer = self.browser.send(method, path, body, origin=False, headers=headers)
                    self.assert_problem(answer, 403, "foreign_origin")
        self.assertEqual(200, self.browser.get().status)

    def test_own_origin(self):
        self.logged_in()
        host = self.browser.host
        for headers in ({"Origin": f"https://{host}"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
            with self.subTest(headers=headers):
                answer = self.browser.send("PUT", "/admin/pilot", self.SWITCH, origin=False, headers=headers)
                self.assertEqual(200, answer.status, answer)

    def test_login_from_a_foreign_page(self):
        _, key = self.stack.make_key(None, "operator")
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = self.browser.log_in(key, origin=False, headers=headers)
            self.assert_problem(answer, 403, "foreign_origin")
            self.assertIsNone(answer.headers["Set-Cookie"])
        self.assertEqual(200, self.browser.log_in(key, origin=False).status)  # curl

    def test_reading_needs_no_origin(self):
        self.logged_in()
        self.assertEqual(200, self.browser.get("/admin/pilot").status)
        self.assertEqual(200, self.browser.send("GET", "/admin/pilot", headers={"Sec-Fetch-Site": "none"}).status)

    def test_a_key_needs_no_origin_but_no_foreign_one(self):
        answer = self.stack.admin("PUT", "/admin/pilot", self.SWITCH)
        self.assertEqual(200, answer.status, answer)
        answer = self.stack.admin("PUT", "/admin/pilot", self.SWITCH, headers={"Origin": "https://evil.example"})
        self.assert_problem(answer, 403, "foreign_origin")

    def test_viewer(self):
        self.logged_in("viewer")
        self.assertEqual(200, self.browser.get("/admin/pilot").status)
        answer = self.browser.send("PUT", "/admin/pilot", self.SWITCH)
        self.assert_problem(answer, 403, "read_only")

    def test_order(self):
        """Path, method, key, origin, role."""
        foreign = {"Origin": "https://evil.example"}
        send = self.browser.send
        self.assert_problem(send("PUT", "/admin/nothing", headers=foreign), 404, "not_found")
        self.assert_problem(send("PATCH", "/admin/pilot", headers=foreign), 405, "method_not_allowed")
        self.assert_problem(send("PUT", "/admin/pilot", headers=foreign), 401, "missing_api_key")
        self.logged_in("viewer")
        self.assert_problem(send("PUT", "/admin/pilot", headers=foreign), 403, "foreign_origin")
        self.assert_problem(send("PUT", "/admin/pilot"), 403, "read_only")

    def test_key_before_cookie(self):
        self.logged_in("viewer")
        answer = self.browser.send("GET", "/admin/session", key=None)
        self.assertEqual(("admin", None), (answer.json["name"], answer.json["expires_at"]))
        answer = self.browser.send("GET", "/admin/session", key="mz_wrong")
        self.assert_problem(answer, 401, "invalid_api_key")

    def test_cookie_opens_no_clients_route(self):
        self.logged_in("admin")
        answer = self.browser.get(f"/jobs/{uuid.uuid4()}")
        self.assert_problem(answer, 401, "missing_api_key")

    def test_upload(self):
        """The other endpoint knows sessions, too."""
        name = self.logged_in()
        document = self.stack.unique_pdf()
        body, kind = multipart(document.content)
        headers = {"Content-Type": kind, "Cookie": f"{COOKIE}={self.browser.value}"}

        def upload(**origin):
            return self.stack.request("POST", "/admin/upload", body, headers | origin, {"tenant_id": self.tenant})
        self.assert_problem(upload(), 403, "foreign_origin")
        self.assert_problem(upload(Origin="https://evil.example"), 403, "foreign_origin")
        self.assertEqual(0, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))
        answer = upload(Origin=f"https://{self.browser.host}")
        self.assertEqual((200, "exact"), (answer.status, answer.json["audit"]["outcome"]))
        self.stack.revoke_key(name)
        self.assert_ended(upload(Origin=f"https://{self.browser.host}"))

    def test_logging_out_with_a_key(self):
        self.assertEqual(204, self.stack.admin("DELETE", "/admin/session").status)

    def test_rights_in_the_database(self):
        """The endpoints' roles reach sessions and the secret only through the functions."""
        for role in ("app", "admin", "worker"):
            for query in ("select * from session_secret", "select * from sessions", "delete from sessions"):
                with self.subTest(role=role, query=query):
                    with self.assertRaisesRegex(Exception, "42501"):
                        self.stack.sql(query, role=role)
        with self.assertRaisesRegex(Exception, "42501"):
            self.stack.sql("select session_secret()", role="worker")
        with self.assertRaisesRegex(Exception, "42501"):
            self.stack.sql("select login_failed('192.0.2.1')", role="app")

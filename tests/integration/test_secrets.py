"""Keys: how hard they are to guess, and where they are not to be found (SPEC §1, §2, §12); and that the
database's walls stand against whoever holds a role's password (SPEC §11)."""
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import random
import re
import socket
import ssl
import stat
import statistics
import subprocess
import threading
import time
import unittest
import uuid

from failures import ASYNC, accept
from harness import TORTURE, SqlError, StackCase, fresh_tenant, wait_for

DENIED = "42501"  # insufficient_privilege, also of row-level security
TABLES = ("documents", "jobs", "invoices", "incidents", "idempotency_keys")  # walled, and the application's
ENDLESS = {"WRONG_KEYS_PER_MINUTE": 1000000}


def changed(key, at):
    """The key with another character in that place."""
    other = "b" if key[at] == "a" else "a"
    return key[:at] + other + key[at:][1:]


class Probe:
    """GET /jobs/1 with a key, on one connection, timed."""

    def __init__(self, stack):
        self.stack = stack
        self.s = None

    def connect(self):
        if self.s is not None:
            self.s.close()
        plain = socket.create_connection((self.stack.address.hostname, self.stack.address.port), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s = self.stack.tls.wrap_socket(plain, server_hostname=self.stack.address.hostname)

    def __call__(self, request):
        """(microseconds, status)"""
        began = time.perf_counter_ns()
        self.s.sendall(request)
        answer = self.s.recv(65536)
        return (time.perf_counter_ns() - began) / 1000, int(answer.split()[1])

    @staticmethod
    def request(key):
        return f"GET /jobs/1 HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n".encode()


class Timing(StackCase):
    """Over HTTPS: how long a refusal takes does not tell how near a wrong key is to a right one.  (That of
    the comparison alone is tests/unit/http/key_timing_test.c.)  10,000 pairs of tries in `make torture`."""
    PAIRS = 10000 if TORTURE else 500

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.settings("full_process", **ENDLESS))

    def pairs(self, one, other):
        """Differences of `one` - `other` in microseconds, all times, the two statuses; each pair in an
        order drawn anew."""
        probe = Probe(self.stack)
        requests = (probe.request(one), probe.request(other))
        differences, times, statuses = [], [], set()
        for i in range(self.PAIRS):
            if i % 1000 == 0:  # long before nginx ends the connection
                probe.connect()
                for request in requests * 10:
                    probe(request)
            order = random.choice(((0, 1), (1, 0)))
            took = {}
            for which in order:
                took[which], status = probe(requests[which])
                statuses.add((which, status))
            differences.append(took[0] - took[1])
            times += took.values()
        probe.s.close()
        return differences, times, statuses

    def deviations(self, differences):
        """Of a sign test: by chance beyond 5 once in 1.7 million runs."""
        longer, shorter = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
        return (longer - shorter) / max(1, longer + shorter) ** 0.5

    def test_near_and_far(self):
        name, key = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        for what, right in (("of the environment", self.stack.api_key), ("of the database", key)):
            with self.subTest(what):
                differences, times, statuses = self.pairs(changed(right, len(right) - 1), changed(right, 0))
                self.assertEqual({(0, 401), (1, 401)}, statuses)
                off, typical = statistics.median(differences), statistics.median(times)
                sure = self.deviations(differences)
                self.assertTrue(abs(sure) < 5 or abs(off) < 0.01 * typical,
                                f"{off:.2f} of {typical:.0f} us, {sure:.1f} standard deviations")

    def test_right_and_wrong(self):
        """They are told apart by their answers.  Still, the database finds a key in about the time in
        which it finds none: less apart than one try is from the next."""
        name, key = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        differences, times, statuses = self.pairs(key, changed(key, 0))
        self.assertEqual({(0, 404), (1, 401)}, statuses)
        quarters = statistics.quantiles(times, n=4)
        self.assertLess(abs(statistics.median(differences)), max(quarters[2] - quarters[0], 0.1 * quarters[1]))


class Guessing(StackCase):
    """Whoever sends wrong keys is slowed down, and nobody else is."""
    LIMIT = 3  # the next try is due after 20 seconds, when a test is over

    def limit(self, wrong_keys=LIMIT):
        """Processes of the test's own: what they remember goes with them."""
        self.enterContext(self.stack.settings("full_process", "admin", WRONG_KEYS_PER_MINUTE=wrong_keys))

    def get(self, key, source=None):
        """The answer to GET /jobs/1, from another local address where one is given."""
        if source is None:
            return self.stack.get("/jobs/1", key)
        context = ssl.create_default_context(cafile=self.stack.env["MIZAN_CACERT"])
        connection = http.client.HTTPSConnection("127.0.0.1", self.stack.address.port, timeout=20,
                                                 context=context, source_address=(source, 0))
        with contextlib.closing(connection):
            connection.request("GET", "/jobs/1", None, {"X-API-Key": key})
            response = connection.getresponse()
            return self.stack.answer_of(response, response.read())

    def guess(self, times=LIMIT + 2):
        self.assertEqual(self.LIMIT * [401] + (times - self.LIMIT) * [429],
                         [self.get(f"guess-{i}").status for i in range(times)])

    def test_slowed(self):
        self.limit()
        name, old = self.stack.make_key(self.tenant)
        _, new = self.stack.make_key(self.tenant)
        self.assertEqual([404, 404], [self.get(key).status for key in (old, self.stack.api_key)])
        self.guess()
        refused = self.get("one more")
        self.assert_problem(refused, 429, "too_many_wrong_keys")
        self.assertIn(int(refused.headers["Retry-After"]), range(1, 21))
        # Who was known here is served, an upload and all, however many guesses there are.
        for _ in range(10):
            self.assertEqual([429, 404, 404], [self.get(key).status for key in ("guess", old, self.stack.api_key)])
        self.upload_done(self.stack.unique_pdf(), key=old)
        # Who was not has to wait, right or wrong.
        self.assert_problem(self.get(new), 429, "too_many_wrong_keys")
        self.assertEqual(429, self.get(changed(new, 0)).status)
        # A key that was known and is not any more is no better than a guess.
        self.stack.revoke_key(name)
        self.assertEqual([401, 429], [self.get(old).status for _ in range(2)])

    def test_its_turn_comes(self):
        """A new client behind a guesser's address gets in, and then is known."""
        self.limit(60)
        name, new = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        wait_for(lambda: self.get("guess").status == 429, 30, "too many guesses", every=0)
        wait_for(lambda: self.get(new).status == 404, 10, "its turn", every=0.2)
        wait_for(lambda: self.get("guess").status == 429, 30, "too many guesses", every=0)
        self.assertEqual(404, self.get(new).status)

    def test_elsewhere(self):
        """Another address is another account, and each process has its own."""
        self.limit()
        name, key = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        self.guess()
        self.assertEqual([401, 404], [self.get(k, "127.0.0.2").status for k in ("guess", key)])
        self.assertEqual(429, self.get(key).status)
        self.assertEqual(200, self.stack.admin("GET", "/admin/config").status)
        self.assertEqual(200, self.stack.request("GET", "/health").status)
        self.assert_problem(self.stack.get("/jobs/1", key=False), 401, "missing_api_key")

    def test_operators_keys(self):
        self.limit()
        self.assertEqual(200, self.stack.admin("GET", "/admin/config").status)
        self.assertEqual([401, 401, 401, 429],
                         [self.stack.admin("GET", "/admin/config", key=f"guess-{i}").status for i in range(4)])
        self.assertEqual(200, self.stack.admin("GET", "/admin/config").status)

    def test_many_first_requests_at_once(self):
        """A right key is no guess, also before the first answer to it."""
        self.limit()
        name, key = self.stack.make_key(self.tenant)
        self.addCleanup(self.stack.revoke_key, name)
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            statuses = [answer.status for answer in pool.map(self.get, 90 * [key])]
        self.assertEqual(90 * [404], statuses)


class SecretsCase(StackCase):
    def secrets(self):
        """By their name, of this stack; keys made meanwhile are added by whoever makes them."""
        lines = (self.stack.dir / "conf" / "secrets").read_text().splitlines()
        found = dict(line.split(" ", 1) for line in lines)
        self.assertGreaterEqual(len(found), 9)
        return found


class CommandLines(threading.Thread):
    """Gathers every command line of the machine, as ps shows them to everybody."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines = set()
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.002):
            for entry in os.listdir("/proc"):
                if entry.isdigit():
                    with contextlib.suppress(OSError):
                        self.lines.add(pathlib.Path(f"/proc/{entry}/cmdline").read_bytes())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


class Nowhere(SecretsCase):
    """After a run of everything, what went wrong included, no secret is anywhere but in its own place."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.settings("full_process", "admin", **ENDLESS))

    def test_nowhere(self):
        secrets = self.secrets()
        with CommandLines() as watch:
            answers = self.use_everything(secrets)
            self.stack.api_key_script("list")
            self.stack.restart("worker")
            self.stack.restart("health")
            self.stack.script("status")
        self.assertGreater(len(watch.lines), 20)
        for line in watch.lines:
            for name, value in secrets.items():
                self.assertNotIn(value.encode(), line, name)
        self.in_answers(answers, secrets)
        self.in_logs(secrets)
        self.in_tables(secrets)
        self.in_files(secrets)

    def use_everything(self, secrets):
        """Requests of all kinds, and failures of all parts; keys that are made go to `secrets`."""
        answers = []
        name, secrets["client"] = self.stack.make_key(self.tenant)
        viewer, secrets["viewer"] = self.stack.make_key(role="viewer")
        secrets["wrong"] = f"mz_wrong_{uuid.uuid4().hex}"
        document = self.stack.unique_pdf("mismatch-s1")

        def traffic():
            for key in (secrets["client"], secrets["wrong"], secrets["viewer"], self.stack.admin_key, False):
                answers.append(self.upload(document, key=key))
                answers.append(self.stack.get("/jobs/1", key))
                answers.append(self.stack.admin("GET", "/admin/config", key=key))
                answers.append(self.stack.admin("PUT", "/admin/pilot", {"enabled": "?"}, key=key))
            for header in ("Authorization", "Cookie", "X-Trace-Id", "Prefer", "User-Agent"):
                answers.append(self.stack.get("/jobs/1", False, {header: secrets["wrong"] + "!"}))
            answers.append(self.upload(document, query={"api_key": secrets["wrong"]}))
            answers.append(self.upload(self.stack.unique_pdf(), headers=ASYNC))
            answers.append(self.upload(b"%PDF"))
            answers.append(self.upload(document, headers={"Idempotency-Key": secrets["wrong"]}))
            answers.extend(self.stack.request("GET", path) for path in ("/health", "/health/ready", "/nothing"))
        traffic()
        for kind in ("unauthorized", "insufficient_quota", "server_error", "cut", "broken_json"):
            self.stack.tidy()
            self.sim.fault(kind)
            answers.append(self.stack.job(accept(self.stack, self.stack.unique_pdf(), self.tenant)))
            traffic()
        with self.locked_out():
            wait_for(lambda: self.upload(document).status == 503, what="no database")
            traffic()
        wait_for(lambda: self.stack.ready().status == 200, 30, "ready again")
        traffic()
        for made in (name, viewer):
            self.stack.revoke_key(made)
        traffic()
        return answers

    @contextlib.contextmanager
    def locked_out(self):
        """The database lets the application in no more: libpq says so at length."""
        def as_superuser(sql):
            subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.stack.dir / "sock", "-U", "postgres", "-d", "mizan"],
                           input=sql, text=True, check=True, capture_output=True,
                           env=os.environ | {"PGPASSWORD": self.secrets()["postgres"]})
        roles = ("mizan_app", "mizan_admin", "mizan_worker")
        as_superuser("".join(f"alter role {role} nologin;" for role in roles)
                     + "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'mizan_%'")
        try:
            yield
        finally:
            as_superuser("".join(f"alter role {role} login;" for role in roles))

    def in_answers(self, answers, secrets):
        self.assertLessEqual({200, 202, 400, 401, 403, 404, 415, 503}, {a.status for a in answers})
        for answer in answers:
            text = answer.body.decode() + str(answer.headers)
            for name, value in secrets.items():
                self.assertNotIn(value, text, name)
            self.assertNotIn(str(self.stack.dir), text)
            self.assertNotIn("mizan_app", text)

    def in_logs(self, secrets):
        for path in (self.stack.dir / "log").glob("*.log"):
            text = path.read_text(errors="replace")
            for name, value in secrets.items():
                self.assertFalse(value in text, f"{name} is in {path.name}")

    def in_tables(self, secrets):
        """Every column of every table, bytes as they are and in hex."""
        tables = [t for (t,) in self.stack.sql("select relname from pg_class where relkind = 'r'"
                                               " and relnamespace = 'public'::regnamespace")]
        self.assertGreater(len(tables), 8)
        patterns = ", ".join(f"('{name}', '{form}')" for name, value in secrets.items() for form in (value, value.encode().hex()))
        for table in tables:
            found = {name for (name,) in self.stack.sql(
                f"select distinct name from (select t::text as row from {table} t) r, (values {patterns}) p (name, value)"
                " where position(p.value in r.row) > 0")}
            # A client's own Idempotency-Key is what it is.
            self.assertEqual({"wrong"} if table == "idempotency_keys" else set(), found, table)

    def in_files(self, secrets):
        """What the stack wrote with a secret in it, only its owner may read."""
        closed = 0
        for path in self.stack.dir.rglob("*"):
            if self.reachable(path) and path.is_file() and "/pg/" not in str(path):
                content = path.read_bytes()
                for name, value in secrets.items():
                    self.assertNotIn(value.encode(), content, f"{name} is in {path}")
            else:
                closed += 1
        self.assertGreater(closed, 3)

    def reachable(self, path):
        """Whether others may read it, the folders on the way to it included."""
        bits = [path.stat().st_mode & stat.S_IROTH]
        bits += [p.stat().st_mode & stat.S_IXOTH for p in path.parents if p.is_relative_to(self.stack.dir)]
        return all(bits)


def sanitized(stack):
    binary = (stack.dir / "bin" / "full_process.fcgi").read_bytes()
    return b"__asan_init" in binary or b"__tsan_init" in binary


class Processes(SecretsCase):
    """What /proc shows of a process to others."""
    FILES = ("environ", "mem", "maps")

    def read_as(self, uid, path):
        """Exit status of another user's look at it."""
        command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if os.geteuid() == 0 else []
        return subprocess.run([*command, "head", "-c", "1", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode

    @unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
    def test_other_users(self):
        for name in ("full_process", "health", "admin", "worker-1", "watchdog", "nginx", "postgres"):
            for file in self.FILES:
                with self.subTest(name=name, file=file):
                    self.assertNotEqual(0, self.read_as(65534, f"/proc/{self.stack.pid(name)}/{file}"))

    def test_in_production_not_even_the_same(self):
        if sanitized(self.stack):
            self.skipTest("sanitizers look into their own process")
        pids = {}
        with self.stack.settings("full_process", "worker", "admin", "health", ENV="production"):
            for name in ("full_process", "worker-1", "admin", "health"):
                pids[name] = self.stack.pid(name)
                owner = int(re.search(r"^Uid:\s+(\d+)", pathlib.Path(f"/proc/{pids[name]}/status").read_text(), re.M).group(1))
                for file in self.FILES:
                    with self.subTest(name=name, file=file):
                        self.assertNotEqual(0, self.read_as(owner, f"/proc/{pids[name]}/{file}"))
                # Whose files in /proc are root's leaves no core dump either (prctl(2), PR_SET_DUMPABLE).
                self.assertEqual(0, os.stat(f"/proc/{pids[name]}/environ").st_uid)
            self.assertEqual("SUCCEEDED", self.upload_done(self.stack.unique_pdf())["status"])
        owner = os.stat(f"/proc/{self.stack.pid('full_process')}/environ").st_uid
        self.assertEqual(0, self.read_as(owner, f"/proc/{self.stack.pid('full_process')}/environ"))

    def test_only_what_each_needs(self):
        """SPEC §12: the provider's key is the worker's, and each database role its own process's."""
        secrets = self.secrets()
        holders = {name: pathlib.Path(f"/proc/{self.stack.pid(name)}/environ").read_bytes()
                   for name in ("full_process", "health", "admin", "worker-1", "watchdog", "nginx", "openai_sim")}
        for secret, allowed in (("sim", {"worker-1"}), ("app", {"full_process", "health"}), ("admin", {"admin"}),
                                ("worker", {"worker-1"}), ("owner", set()), ("postgres", set()), ("watchdog", {"watchdog"})):
            found = {name for name, environ in holders.items() if secrets[secret].encode() in environ}
            self.assertEqual(allowed, found, secret)


class Walls(StackCase):
    """A role's password gives what its process needs, and no way around the walls.  By design the
    application names the tenant; so whoever runs statements of his own in its name can name any, but
    never two at once, nor all.  Not promised, as Postgres does not: that such a one finds out nothing
    by the time that a condition takes, or by the figures of a plan."""

    def setUp(self):
        super().setUp()
        self.other = fresh_tenant("other")
        self.mine, self.theirs = (
            self.upload_done(self.stack.unique_pdf("mismatch-s1"), tenant=tenant, headers={"Idempotency-Key": tenant})
            for tenant in (self.tenant, self.other))

    def assert_all_refused(self, role, queries, states=(DENIED,)):
        """In one session of the role's, which names the tenant; none of them takes effect."""
        script = f"set mizan.tenant_id = '{self.tenant}';\n\\o /dev/null\n"
        script += "".join(f"{query};\n\\echo @@ :SQLSTATE :LAST_ERROR_MESSAGE\n" for query in queries)
        done = subprocess.run(["psql", "-X", "-q"], input=script, text=True, env=self.stack.psql_environment(role),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        results = re.findall(r"(?m)^@@ (\S+) ?(.*)", done.stdout)
        self.assertEqual(len(queries), len(results), done.stderr)
        for query, (state, message) in zip(queries, results):
            with self.subTest(role=role, query=query):
                self.assertIn(state, states, message)
                self.assertNotIn(self.other, message)

    def assert_refused(self, query, role="app", state=DENIED):
        with self.assertRaises(SqlError, msg=query) as refused:
            self.stack.sql(query, role, self.tenant)
        self.assertEqual(state, refused.exception.state, f"{query}: {refused.exception}")
        self.assertNotIn(self.other, str(refused.exception).replace(query, ""))
        return str(refused.exception)

    def test_nobody_becomes_another(self):
        others = ("mizan_owner", "mizan_worker", "mizan_app", "mizan_admin", "mizan_watchdog", "postgres", "pg_read_all_data",
                  "pg_read_server_files", "pg_execute_server_program")
        for role in ("app", "worker", "admin"):
            strangers = [other for other in others if other != f"mizan_{role}"]
            self.assert_all_refused(role, [
                *(f"set role {other}" for other in strangers), *(f"grant {other} to mizan_{role}" for other in strangers),
                *(f"set session authorization {other}" for other in strangers),
                f"alter role mizan_{role} bypassrls", f"alter role mizan_{role} superuser", f"alter role mizan_{role} createrole",
                "create role x", "alter role mizan_owner password 'x'", "alter system set log_statement = 'all'", "create database x",
                "set session_replication_role = replica", "set log_statement = 'all'", "set log_min_messages = 'debug5'"])

    def test_nothing_can_be_put_in_the_way(self):
        """No object of an attacker's that a search path could find first, in any schema."""
        for role in ("app", "worker", "admin"):
            self.assert_all_refused(role, [
                "create table public.x (y int)", "create temp table jobs (y int)", "create view public.v as select 1",
                "create temp view jobs as select 1", "create schema x", "create function public.jobs() returns int language sql return 1",
                "create function pg_temp.lower(text) returns text language sql return $1", "create extension dblink",
                "create function pg_catalog.lower(int) returns int language sql return 1",
                "create or replace function job_tenant(uuid) returns text language sql return 'x'",
                "create operator public.= (leftarg = text, rightarg = text, function = texteq)", "create type public.jobs as (x int)",
                "create domain public.d as int", "create sequence public.s", "alter table jobs disable row level security",
                "alter table jobs owner to current_user", "drop policy tenant on jobs", "create policy x on jobs using (true)",
                "alter policy tenant on jobs using (true)", "create rule r as on select to jobs do instead select 1",
                "do 'begin lock table jobs in access exclusive mode; end'", "comment on table jobs is 'x'", "drop table jobs",
                "alter function readiness(text, integer, integer) owner to current_user", "create publication p for all tables",
                "create event trigger e on ddl_command_start execute function pg_catalog.now()", "create language plpython3u",
                "create foreign data wrapper x", "alter default privileges for role mizan_owner grant select on tables to public",
                "create trigger t before insert on jobs execute function audit_log_is_append_only()"],
                # Some of these say that one is not the owner, or look at something else first.
                (DENIED, "42P17", "0A000", "42P13"))
        # What one has without the right to hand it on is handed on to nobody, with a warning.
        for role in ("app", "worker", "admin"):
            self.stack.sql("grant select on jobs to public", role)
        self.test_every_definition()

    def test_no_files_and_no_programs(self):
        for role in ("app", "worker", "admin"):
            self.assert_all_refused(role, [
                "select pg_read_file('/etc/passwd')", "select pg_read_binary_file('postgresql.conf')", "select pg_ls_dir('.')",
                "select pg_stat_file('.')", "select pg_ls_logdir()", "select pg_current_logfile()", "select lo_import('/etc/passwd')",
                "select lo_export(1, '/tmp/x')", "copy jobs to '/tmp/x'", "copy jobs from '/etc/passwd'", "copy (select 1) to program 'id'",
                "copy jobs from program 'id'", "load 'x'", "select pg_reload_conf()", "select pg_rotate_logfile()", "select pg_switch_wal()",
                "select from pg_authid", "select from pg_shadow", "select from pg_hba_file_rules", "select from pg_file_settings",
                "select from pg_largeobject", "select from pg_statistic", "select umoptions from pg_user_mapping", "select pg_promote()",
                "select last_value from provider_calls_id_seq", "select nextval('audit_log_id_seq')", "select setval('audit_log_id_seq', 1)",
                *(f"select {act}(pid) from pg_stat_activity where usename like 'mizan_%' and usename <> current_user"
                  for act in ("pg_terminate_backend", "pg_cancel_backend"))])

    def test_others_rows_are_not_there(self):
        """In whatever way they are asked for."""
        asked = (
            "select count(*) from {t} where tenant_id = '{o}'",
            "select count(*) from {t} where tenant_id <> '{m}'",
            "select count(*) from (select * from {t} where tenant_id <> '{m}' offset 0) x",
            "select count(*) from {t} a, {t} b where a.tenant_id <> b.tenant_id",
            "select count(*) from {t} tablesample system (100) where tenant_id <> '{m}'",
            "select (xpath('count(//tenant_id[text()!=\"{m}\"])', query_to_xml('select tenant_id from {t}', true, false, '')))[1]",
            "select count(*) from only {t} where tenant_id > '' and tenant_id <> '{m}'")
        for table in TABLES:
            texts = [query.format(t=table, o=self.other, m=self.tenant) for query in asked]
            counted = self.stack.sql(" union all ".join(f"select ({text})::text" for text in texts), "app", self.tenant)
            self.assertEqual(["0"] * len(texts), [n for (n,) in counted], table)

    def test_conditions_do_not_see_them(self):
        """A condition that fails on what it sees in a row would tell of it; it comes after the wall."""
        for table in TABLES:
            for condition in (f"1 / (case when tenant_id = '{self.other}' then 0 else 1 end) = 1",
                              f"(tenant_id <> '{self.tenant}' and tenant_id::integer = 0) is not null",
                              f"tenant_id = '{self.tenant}' or tenant_id::integer = 0",
                              f"octet_length(query_to_xml('select 1 / ' || (tenant_id = '{self.tenant}')::integer, true, false, '')::text) > 0"):
                with self.subTest(table=table, condition=condition):
                    self.assertEqual(1, self.stack.value(f"select count(*) from {table} where {condition}", "app", self.tenant))

    def test_copies_stop_at_the_wall(self):
        for table in TABLES:
            with self.subTest(table):
                text = str(self.stack.sql(f"copy {table} to stdout", "app", self.tenant))
                self.assertIn(self.tenant, text)
                self.assertNotIn(self.other, text)
        self.assert_refused("copy api_keys to stdout", "admin")
        self.assert_refused("copy provider_calls to stdout", "admin")
        self.assert_refused("copy provider_calls to stdout", "worker")

    def test_row_security_stays_on(self):
        for role, table in (("app", "jobs"), ("worker", "documents"), ("worker", "invoices")):
            self.assert_refused(f"set local row_security = off; select count(*) from {table}", role)

    def test_no_wildcard_for_a_tenant(self):
        for value in ("*", "%", "' or true --", "other", "", " ", f"{self.tenant},{self.other}", f"{{{self.tenant},{self.other}}}",
                      f"{self.tenant}|{self.other}", "null"):
            for statement in ("set_config('mizan.tenant_id', $m${}$m$, true)", "set_config('Mizan.Tenant_Id', $m${}$m$, false)"):
                query = f"begin; select {statement.format(value)}; select count(*) from jobs"
                with self.subTest(value):
                    self.assertEqual("0", self.stack.sql(query, "app")[-1][0].rpartition("\n")[2])

    def test_errors_tell_nothing_of_others(self):
        """A key that exists elsewhere is refused as one that does not, or without a word about it."""
        own, theirs = self.mine["job_id"], self.theirs["job_id"]
        document = f"(select id from documents where tenant_id = '{self.tenant}' limit 1)"
        taken = self.assert_refused(f"insert into jobs (tenant_id, id, document_id, trace_id) values ('{self.tenant}', '{theirs}', {document}, 'x')",
                                    state="23505")
        self.assertNotIn("Key (", taken)
        message = {}
        for job in (theirs, str(uuid.uuid4())):
            text = self.assert_refused("insert into idempotency_keys (tenant_id, key, sha256, job_id) values"
                                       f" ('{self.tenant}', 'k{job}', sha256('x'), '{job}')", state="23503")
            message[job] = re.sub(r"LOCATION.*", "", text).replace(job, "JOB")
        self.assertEqual(1, len(set(message.values())), message)
        self.assertEqual(0, self.stack.value(f"select count(*) from jobs where id = '{theirs}'", "app", self.tenant))
        self.assertEqual(1, self.stack.value(f"select count(*) from jobs where id = '{own}'", "app", self.tenant))

    def test_functions_of_the_owner(self):
        """SECURITY DEFINER: what is left of it cannot be talked into anything."""
        # By its id, which only its client knows, a job tells its tenant; nothing lists ids.
        self.assertEqual([[self.other]], self.stack.sql(f"select job_tenant('{self.theirs['job_id']}')", "app", self.tenant))
        self.assert_refused(f"select job_tenant('{self.theirs['job_id']}')", "worker")
        self.assert_refused("select api_key_find(sha256('x'))", "worker")
        for path in ("pg_temp", "pg_temp, pg_catalog", "nowhere"):
            rows = self.stack.sql(f"set search_path = {path}; select public.job_tenant('{self.theirs['job_id']}')", "app")
            self.assertEqual([[self.other]], rows)

    def test_statistics_and_other_sessions(self):
        """The catalogs tell nobody a value of a row that he may not see, nor what others run."""
        self.stack.sql("analyze documents; analyze invoices; analyze incidents")
        for role in ("app", "worker"):
            self.assertEqual(0, self.stack.value("select count(*) from pg_stats where schemaname = 'public'"
                                                 " and tablename in ('documents', 'invoices', 'incidents')", role))
        for role in ("app", "worker", "admin"):
            self.assertEqual([], self.stack.sql("select query from pg_stat_activity where usename <> current_user and query <> ''"
                                                " and query not like '<insufficient privilege>'", role))

    def test_what_is_notified_is_an_id(self):
        """Anybody may listen to a channel whose name he knows: there is nothing to hear but a job's id."""
        self.sim.delay(500)
        upload = threading.Thread(target=self.upload_done, args=(self.stack.unique_pdf(),), kwargs={"tenant": self.other})
        session = subprocess.Popen(["psql", "-X", "-q", "-A", "-t"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=self.stack.psql_environment("app"))
        with session:
            channels = [c for (c,) in self.stack.sql("select distinct reply_channel from jobs where reply_channel is not null")]
            session.stdin.write("".join(f'listen "{c}";\n' for c in channels) + "select 'listening';\n")
            session.stdin.flush()
            self.assertEqual("listening\n", session.stdout.readline())
            upload.start()
            upload.join()
            session.stdin.write("select 'over';\n")
            session.stdin.close()
            heard = session.stdout.read()
        payloads = re.findall(r'Asynchronous notification "[^"]*"(?: with payload "([^"]*)")?', heard)
        self.assertTrue(payloads, heard)
        for payload in payloads:
            self.assertRegex(payload, r"\A[0-9a-f-]{36}\Z")

    def test_every_definition(self):
        """What later migrations add is held to the same: of all functions, views, grants and roles."""
        for what, query in (
                ("definer functions without a fixed search path",
                 "select proname from pg_proc where prosecdef and pronamespace = 'public'::regnamespace and not"
                 " coalesce('search_path=public, pg_temp' = any (proconfig), false)"),
                ("definer functions for everybody",
                 "select p.proname from pg_proc p where prosecdef and pronamespace = 'public'::regnamespace and"
                 " (p.proacl is null or exists (select from aclexplode(p.proacl) a where a.grantee = 0))"),
                ("views that see more than who looks",
                 "select relname from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace and not"
                 " coalesce('security_invoker=true' = any (reloptions) or 'security_invoker=on' = any (reloptions), false)"
                 " and has_table_privilege('mizan_app', oid, 'select')"),
                ("tables for everybody",
                 "select c.relname from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'public'::regnamespace and a.grantee = 0"),
                ("objects of others than the owner",
                 "select relname from pg_class where relnamespace = 'public'::regnamespace and relowner <> 'mizan_owner'::regrole union"
                 " select proname from pg_proc where pronamespace = 'public'::regnamespace and proowner <> 'mizan_owner'::regrole"),
                ("roles that are members of others",
                 "select roleid::regrole from pg_auth_members where member::regrole::text like 'mizan_%'"),
                ("roles that may create or have temporary tables",
                 "select rolname from pg_roles where rolname like 'mizan_%' and rolname <> 'mizan_owner' and"
                 " (has_schema_privilege(rolname, 'public', 'create') or has_database_privilege(rolname, current_database(), 'create')"
                 " or has_database_privilege(rolname, current_database(), 'temporary'))"),
                ("extensions", "select extname from pg_extension where extname not in ('plpgsql', 'pg_trgm')")):
            with self.subTest(what):
                self.assertEqual([], self.stack.sql(query))


if __name__ == "__main__":
    unittest.main()

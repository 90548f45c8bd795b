"""Uploads that go wrong on their way: disk, clients that leave, stall or come all at once (SPEC §3)."""
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import unittest

from disks import Disks, DiskStack
from failures import ASYNC
from harness import TORTURE, Document, Stack, StackCase, fresh_tenant, multipart, wait_for

MAX_UPLOAD = 10485760
FRAME = 65536  # that nginx lets through beside the file
THREADS = 8  # of the endpoint; six of them may wait for results
SETTINGS = {"FCGI_THREADS": THREADS, "SYNC_WAIT_MS": 8000}
STACK = None
DISKS, NO_DISKS = None, None  # or why there are none


def setUpModule():
    global STACK, DISKS, NO_DISKS
    try:
        DISKS = Disks("uploads", mib=24)
        unittest.addModuleCleanup(DISKS.close)
        STACK = DiskStack("uploads", DISKS, **SETTINGS)
    except unittest.SkipTest as why:
        NO_DISKS = why
        STACK = Stack("uploads", **SETTINGS)
    unittest.addModuleCleanup(STACK.down)
    STACK.up()


def random_pdf(size):
    return Document(b"%PDF-1.4\n" + os.urandom(size - 9))


class Upload:
    """One that is sent as the test wants it, piece by piece."""

    def __init__(self, case, document, headers=None, tenant=None):
        self.stack = case.stack
        self.body, kind = multipart(document.content)
        self.connection = http.client.HTTPSConnection(
            self.stack.address.hostname, self.stack.address.port, timeout=30, context=self.stack.tls)
        self.trace = f"upload-{os.urandom(8).hex()}"
        self.connection.putrequest("POST", f"/full-process?tenant_id={tenant or case.tenant}")
        for name, value in {"Content-Type": kind, "Content-Length": len(self.body),
                            "X-Trace-Id": self.trace, **self.stack.key_header(), **(headers or {})}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()

    def send(self, count=None):
        """The next bytes, or all that are left."""
        count = len(self.body) if count is None else count
        self.connection.send(self.body[:count])
        self.body = self.body[count:]
        return self

    def answer(self):
        with contextlib.closing(self.connection):
            response = self.connection.getresponse()
            return self.stack.answer_of(response, response.read())

    def leave(self):
        self.connection.close()


class UploadCase(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = STACK

    def setUp(self):
        super().setUp()
        self.addCleanup(self.assert_nothing_left)

    @property
    def folder(self):
        return self.stack.dir / "nginx" / "uploads"

    def files(self):
        return os.listdir(self.folder)

    def assert_nothing_left(self):
        """No file of an upload, by name, by descriptor or in memory; no thread, no waiting request."""
        wait_for(lambda: not self.files(), what="an empty folder of uploads")
        pids = [self.stack.pid("full_process"), *self.children("nginx")]
        for pid in pids:
            wait_for(lambda p=pid: not self.held(p), what=f"no upload held by process {pid}")
        threads = len(os.listdir(f"/proc/{pids[0]}/task"))
        self.assertEqual(self.threads() + 2, threads)  # main, hub
        wait_for(lambda: self.upload(self.stack.unique_pdf()).status == 200, what="an upload that may wait")

    @staticmethod
    def threads():
        return THREADS

    def children(self, name):
        done = subprocess.run(["pgrep", "-P", str(self.stack.pid(name))], text=True, stdout=subprocess.PIPE, check=True)
        return [int(pid) for pid in done.stdout.split()]

    @staticmethod
    def held(pid):
        """Files of uploads that the process has open or mapped."""
        paths = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()]
        paths += pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        return [path for path in paths if "/nginx/uploads/" in path or "mizan-disks" in path]

    def logged(self, trace):
        """nginx's line about the request."""
        return wait_for(lambda: next((e for e in self.stack.log("access", "access") if e["trace_id"] == trace),
                                     None), what="the access log")

    def stored(self, job_id):
        """SHA-256 of what the database holds for the job."""
        return self.stack.value("select encode(sha256(d.content), 'hex') from documents d join jobs j"
                                f" on j.document_id = d.id where j.id = '{job_id}'")

    def assert_refused_for_room(self, answer):
        self.assert_problem(answer, 503, "insufficient_storage")
        self.assertRegex(answer.headers["Retry-After"], r"^[1-9][0-9]*$")


class FullDisk(UploadCase):
    """nginx cannot store what it is sent; nothing else is touched by that."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if DISKS is None:
            raise NO_DISKS
        folder = cls.stack.dir / "nginx" / "uploads"
        kept = folder.with_name("kept")
        folder.rename(kept)
        folder.symlink_to(DISKS.path("uploads"))
        cls.addClassCleanup(kept.rename, folder)
        cls.addClassCleanup(folder.unlink)

    def files(self):
        return DISKS.shell(f"ls -A {DISKS.path('uploads')}").split()

    def tearDown(self):
        DISKS.free("uploads")

    def test_nothing_fits(self):
        DISKS.fill("uploads")
        for document in (random_pdf(100), random_pdf(60000), random_pdf(MAX_UPLOAD)):
            self.assert_refused_for_room(self.upload(document))
        body, kind = multipart(random_pdf(60000).content)
        self.assert_refused_for_room(self.stack.request(
            "POST", "/admin/upload", body, {"Content-Type": kind, "X-Admin-Key": self.stack.admin_key}))
        # What needs no file goes on.
        self.assertEqual(200, self.stack.request("GET", "/health").status)
        self.assert_problem(self.stack.get("/jobs/1"), 404, "job_not_found")
        self.assertEqual(["filler"], self.files())
        DISKS.free("uploads")
        document = self.stack.unique_pdf()
        job_id = self.upload_done(document)["job_id"]
        self.assertEqual(document.sha256, self.stored(job_id))

    def test_fills_amid_uploads(self):
        """Of eight at once that do not all fit, each is answered, and what was taken is whole."""
        DISKS.fill("uploads", leave_kib=12 * 1024)
        documents = [random_pdf(5 << 20) for _ in range(8)]
        uploads = [Upload(self, d, ASYNC) for d in documents]
        for upload in uploads:  # two fit; the third meets the end
            with contextlib.suppress(OSError):
                upload.send(4 << 20)
        answers = []
        for upload in uploads:
            with contextlib.suppress(OSError):
                upload.send()
            answers.append(upload.answer())
        for document, answer in zip(documents, answers):
            if answer.status == 202:
                self.assertEqual(document.sha256, self.stored(answer.json["job_id"]))
            else:
                self.assert_refused_for_room(answer)
        self.assertEqual({202, 503}, {a.status for a in answers})

    def test_every_protocol(self):
        """HTTP/1.1 with and without asking first, and HTTP/2, as curl speaks them."""
        DISKS.fill("uploads")
        path = self.stack.dir / "curl.pdf"
        self.addCleanup(path.unlink)
        path.write_bytes(random_pdf(3 << 20).content)
        for options in (["--http1.1"], ["--http1.1", "-H", "Expect: 100-continue"], ["--http2"]):
            with self.subTest(options):
                done = subprocess.run(
                    ["curl", "-sS", *options, "-w", "\n%{http_code} %{http_version}", "--max-time", "20",
                     "--cacert", self.stack.env["MIZAN_CACERT"], "-H", f"X-API-Key: {self.stack.api_key}",
                     "-F", f"file=@{path}", f"{self.stack.url}/full-process?tenant_id={self.tenant}"],
                    text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                self.assertIn("insufficient_storage", done.stdout)
                self.assertEqual("503", done.stdout.split()[-2], done.stdout)


class NoFolder(UploadCase):
    def test_not_writable(self):
        """Someone took the folder's permissions away."""
        mode = self.folder.stat().st_mode
        try:
            self.folder.chmod(0)
            self.assert_refused_for_room(self.upload(random_pdf(60000)))
        finally:
            self.folder.chmod(mode)
        self.upload_done(self.stack.unique_pdf())


class Limits(UploadCase):
    def test_exactly_the_limit(self):
        for headers in (None, {"Content-Length": None, "Transfer-Encoding": "chunked"}):
            with self.subTest(headers):
                document = random_pdf(MAX_UPLOAD)
                answer = self.upload(document, headers=ASYNC) if headers is None else self.chunked(document)
                self.assertEqual((202, MAX_UPLOAD), (answer.status, answer.json["document"]["bytes"]))
                self.assertEqual(document.sha256, self.stored(answer.json["job_id"]))

    def chunked(self, document):
        """Nobody says beforehand how long it is."""
        body, kind = multipart(document.content)
        connection = http.client.HTTPSConnection(
            self.stack.address.hostname, self.stack.address.port, timeout=30, context=self.stack.tls)
        with contextlib.closing(connection):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may be answered before its end
                connection.request("POST", f"/full-process?tenant_id={self.tenant}",
                                   (body[i:i + 100000] for i in range(0, len(body), 100000)),
                                   {"Content-Type": kind, **self.stack.key_header(), **ASYNC}, encode_chunked=True)
            response = connection.getresponse()
            return self.stack.answer_of(response, response.read())

    def test_one_byte_more(self):
        """Ours to refuse as long as nginx's room for the frame lasts, then nginx's."""
        for size, ours in ((MAX_UPLOAD + 1, True), (MAX_UPLOAD + FRAME - 1000, True), (MAX_UPLOAD + FRAME + 1, False)):
            for chunked in (False, True):
                with self.subTest(size=size, chunked=chunked):
                    document = random_pdf(size)
                    answer = self.chunked(document) if chunked else self.upload(document)
                    self.assert_problem(answer, 413, "file_too_large")
                    line = self.logged(answer.headers["X-Trace-Id"])
                    self.assertEqual(413 if ours else None, line["upstream_status"])
        self.assertEqual(0, self.stack.value(f"select count(*) from documents where tenant_id = '{self.tenant}'"))


class Leaving(UploadCase):
    def test_amid_the_body(self):
        """Nothing of it reaches the application."""
        document = random_pdf(1 << 20)
        for sent in (0, 1, 100, 8192, 100000, (1 << 20) - 1):
            upload = Upload(self, document).send(sent)
            if sent > 16384:  # nginx keeps as much in memory first
                wait_for(self.files, what="its file")
            upload.leave()
            line = self.logged(upload.trace)
            self.assertIn(line["status"], (400, 499))
            self.assertIsNone(line["upstream_status"])
        self.assertEqual(0, self.stack.value(f"select count(*) from jobs where tenant_id = '{self.tenant}'"))

    def test_while_waiting(self):
        """The job goes on, and the next ones may wait in the places of those who left."""
        documents = [self.stack.unique_pdf("mismatch-s2") for _ in range(THREADS - 2)]
        for document in documents:
            self.sim.fault("hang", sha256=document.sha256)
        uploads = [Upload(self, d).send() for d in documents]
        wait_for(lambda: all(self.sim.calls(d.sha256) for d in documents), what="the calls")
        self.assertEqual(202, self.upload(self.stack.unique_pdf()).status)  # no place to wait in
        for upload in uploads:
            upload.leave()
        wait_for(lambda: not self.files(), 2, "no file")
        wait_for(lambda: self.upload(self.stack.unique_pdf()).status == 200, 3, "a place to wait in")
        self.stack.restart("worker")  # hands them back, and asks again
        for document in documents:
            again = self.upload_done(document)
            self.assertEqual((True, "SUCCEEDED"), (again["duplicate"], again["status"]))

    def test_before_its_turn(self):
        """While every thread is at work, its request lies in the endpoint's queue, and its file is gone."""
        self.stack.kill("full_process", signal.SIGSTOP)
        try:
            uploads = [Upload(self, self.stack.unique_pdf()).send() for _ in range(20)]
            wait_for(lambda: len(self.files()) == 20, what="their files")
            for upload in uploads:
                upload.leave()
            wait_for(lambda: not self.files(), what="no file")
        finally:
            self.stack.kill("full_process", signal.SIGCONT)
        self.upload_done(self.stack.unique_pdf())
        refused = [e for e in self.stack.log("full_process", "request.refused") if e["status"] >= 500]
        self.assertEqual([], refused)


class Slow(UploadCase):
    def test_drop_by_drop(self):
        """More slow clients than the endpoint has threads are in nobody's way."""
        documents = [self.stack.unique_pdf() for _ in range(3 * THREADS)]
        uploads = [Upload(self, d) for d in documents]
        for upload in uploads:
            upload.send(len(upload.body) - 15)
        stopping = threading.Event()

        def drip():
            for _ in range(15):
                stopping.wait(0.1)
                for upload in uploads:
                    upload.send(1)

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        others = 0
        while dripping.is_alive():
            began = time.monotonic()
            answer = self.upload(self.stack.unique_pdf())
            self.assertLess(time.monotonic() - began, 1)
            if dripping.is_alive():  # else all of them may be there, and wait
                self.assertEqual(200, answer.status, answer)
                others += 1
        self.assertGreater(others, 5)
        with concurrent.futures.ThreadPoolExecutor(len(uploads)) as pool:
            for document, answer in zip(documents, pool.map(Upload.answer, uploads)):
                self.assertIn(answer.status, (200, 202), answer)
                self.assertEqual(document.sha256, self.stored(answer.json["job_id"]))

    def test_stalled(self):
        """client_body_timeout, here a second: the connection ends, as 408 in the log."""
        with self.body_timeout("1s"):
            uploads = [Upload(self, random_pdf(100000)).send(sent) for sent in (0, 50000, 99000)]
            began = time.monotonic()
            for upload in uploads:
                with self.assertRaises((OSError, http.client.HTTPException)):
                    upload.answer()
            self.assertLess(time.monotonic() - began, 5)
            for upload in uploads:
                self.assertEqual(408, self.logged(upload.trace)["status"])

    @contextlib.contextmanager
    def body_timeout(self, value):
        path = self.stack.dir / "nginx.conf.d" / "mizan.conf"
        text = path.read_text()
        changed, n = re.subn(r"client_body_timeout \w+;", f"client_body_timeout {value};", text)
        self.assertEqual(1, n)
        try:
            self.reload_with(path, changed)
            yield
        finally:
            self.reload_with(path, text)

    def reload_with(self, path, text):
        """nginx's new processes are there, and the old ones serve no more."""
        before = set(self.children("nginx"))
        path.write_text(text)
        self.stack.kill("nginx", signal.SIGHUP)
        wait_for(lambda: not before & set(self.children("nginx")), what="nginx's new processes")


class Crowd(UploadCase):
    CLIENTS = 300

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enterClassContext(cls.stack.settings("full_process", FCGI_THREADS=64))

    @staticmethod
    def threads():
        return 64

    def test_all_at_once(self):
        """Everybody is answered, most of them with a place to look; /health stays quick."""
        for _ in range(10 if TORTURE else 1):
            self.assertGreater(self.crowd(), self.CLIENTS // 2)

    def test_more_than_an_address_may(self):
        """nginx's limit of connections: who is over it is told so, the others are served."""
        with self.stack.settings("nginx", CONN_LIMIT=100):
            self.assertEqual(100, self.crowd())

    def crowd(self):
        """How many of the clients were served."""
        self.sim.delay(200)
        tenant = fresh_tenant("crowd")
        documents = [self.stack.unique_pdf() for _ in range(self.CLIENTS)]
        with self.health() as seconds:
            uploads = [Upload(self, d, tenant=tenant) for d in documents]
            for upload in uploads:
                with contextlib.suppress(OSError):  # some are refused by their headers
                    upload.send(len(upload.body) - 1)
            began = time.monotonic()
            for upload in uploads:
                with contextlib.suppress(OSError):
                    upload.send()
            answers = [upload.answer() for upload in uploads]
            self.assertLess(time.monotonic() - began, 20)
        accepted = [(d, a) for d, a in zip(documents, answers) if a.status in (200, 202)]
        for answer in answers:
            self.assertIn(answer.status, (200, 202, 429, 503), answer)
            if answer.status not in (200, 202):
                self.assert_problem(answer, answer.status, answer.json["code"])
                self.assertRegex(answer.headers["Retry-After"], r"^[1-9][0-9]*$")
        self.assertEqual(len(accepted), len({a.json["job_id"] for _, a in accepted}))
        self.assertGreater(len(seconds), 5)
        self.assertLess(sorted(seconds)[int(len(seconds) * 0.95)], 0.5)
        self.assertLess(max(seconds), 2)
        for document, answer in accepted:
            self.assertEqual(document.sha256, answer.json["document"]["sha256"])
        wait_for(lambda: not self.stack.value("select count(*) from jobs where state in ('QUEUED', 'RUNNING')"),
                 60, "the end of all jobs")
        self.assertEqual(len(accepted), self.stack.value(
            f"select count(*) from jobs where state = 'SUCCEEDED' and tenant_id = '{tenant}'"))
        return len(accepted)

    @contextlib.contextmanager
    def health(self):
        """Times that /health took within the block, asked for by another process."""
        seconds = []
        url = f"{self.stack.url}/health?[1-100000]"
        asking = subprocess.Popen(
            ["stdbuf", "-oL", "curl", "-sS", "--rate", "100/s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}\n",
             "--cacert", self.stack.env["MIZAN_CACERT"], url],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.assertRegex(asking.stdout.readline(), "^200 ")
            yield seconds
        finally:
            asking.terminate()
            lines = asking.stdout.read().splitlines()
            asking.wait()
        for line in lines[:-1]:
            status, took = line.split()
            self.assertEqual("200", status)
            seconds.append(float(took))


if __name__ == "__main__":
    unittest.main()

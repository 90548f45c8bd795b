"""Clients that mean harm: forms, files, requests and headers as attackers send them (SPEC §1, §3).

Whatever comes in, it is answered as what it is, stored verbatim or not at all, and no process dies
or grows of it."""
import json
import pathlib
import re
import unittest
import uuid
import zlib

import wire
from failures import ASYNC
from harness import Document, StackCase, extraction, multipart

BOUNDARY = b"----mizan-test-boundary"
PDF = b"%PDF-1.4\n"
PROCESSES = ("full_process", "health", "admin", "worker-1", "watchdog", "nginx")
OURS = re.compile(r"full_process|health|admin|worker-\d+|watchdog|access")
# All that an answer may have; what is not here was put in by a stranger.
RESPONSE_HEADERS = {
    "server", "date", "content-type", "content-length", "connection", "allow", "location", "retry-after",
    "preference-applied", "www-authenticate", "x-trace-id", "strict-transport-security",
    "x-content-type-options", "referrer-policy", "content-security-policy", "cache-control"}


class HostileCase(StackCase):
    """Nobody dies of it."""

    def setUp(self):
        super().setUp()
        before = self.pids()
        self.addCleanup(lambda: self.assertEqual(before, self.pids(), "a process died"))

    def pids(self):
        return {name: self.stack.pid(name) for name in PROCESSES}

    def post(self, body, boundary=BOUNDARY, **headers):
        kind = b"multipart/form-data; boundary=" + boundary
        return self.stack.request("POST", "/full-process", body, self.stack.key_header() | ASYNC | {
            "Content-Type": kind, **headers}, {"tenant_id": self.tenant})

    def stored(self, sha256):
        """The document's bytes as the database has them."""
        ((content,),) = self.stack.sql(
            f"select encode(content, 'hex') from documents where tenant_id = '{self.tenant}'"
            f" and sha256 = '\\x{sha256}'")
        return bytes.fromhex(content)

    def documents(self):
        return self.stack.value(f"select count(*) from documents where tenant_id = '{self.tenant}'")


def part(content, disposition=b'name="file"; filename="a.pdf"', headers=b""):
    return b"--%s\r\nContent-Disposition: form-data; %s\r\n%s\r\n%s\r\n" % (
        BOUNDARY, disposition, headers, content)


END = b"--%s--\r\n" % BOUNDARY


class Forms(HostileCase):
    """Multipart (RFC 2046, RFC 7578) as it should not be."""
    FILE = part(PDF)
    NOTE = part(b"x", b'name="note"')

    def test_refused(self):
        nested = (b"--inner\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n%PDF-1.4\n\r\n--inner--\r\n")
        cases = (
            ("no end", self.FILE, "invalid_multipart"),
            ("no end of the delimiter", self.FILE + END[:-4], "invalid_multipart"),
            ("end alone", END, "no_file"),
            ("end twice", END + self.FILE + END, "no_file"),
            ("file after the end", self.NOTE + END + self.FILE + END, "no_file"),
            ("no blank line", b"--%s\r\nContent-Disposition: form-data; name=file\r\n" % BOUNDARY + END, "invalid_multipart"),
            ("line ends without CR", (self.FILE + END).replace(b"\r\n", b"\n"), "invalid_multipart"),
            ("65 parts", self.NOTE * 64 + self.FILE + END, "invalid_multipart"),
            ("20,000 parts", self.NOTE * 20000 + self.FILE + END, "invalid_multipart"),
            ("20,000 empty parts", b"--%s\r\n" % BOUNDARY * 20000 + END, "invalid_multipart"),
            ("a header of 1 MB", part(PDF, headers=b"X-A: " + b"a" * 1000000 + b"\r\n") + END, "invalid_multipart"),
            ("100,000 headers", part(PDF, headers=b"X-A: b\r\n" * 100000) + END, "invalid_multipart"),
            ("a name of 1 MB", part(PDF, b'name="%s"' % (b"a" * 1000000)) + END, "invalid_multipart"),
            ("NUL in the field's name", part(PDF, b'name="file\0"') + END, "invalid_multipart"),
            ("NUL in the file's name", part(PDF, b'name="file"; filename="a\0.pdf"') + END, "invalid_multipart"),
            ("NUL in a header's name", part(PDF, headers=b"X\0: y\r\n") + END, "invalid_multipart"),
            ("escape in a header", part(PDF, headers=b"X: \x1b[2J\r\n") + END, "invalid_multipart"),
            ("folded header", part(PDF, b'name="file";\r\n filename="a.pdf"') + END, "invalid_multipart"),
            ("two names", part(PDF, b'name="note"; name="file"') + END, "invalid_multipart"),
            ("two file names", part(PDF, b'name="file"; filename="a.pdf"; filename="b.html"') + END, "invalid_multipart"),
            ("two dispositions", part(PDF, headers=b'Content-Disposition: form-data; name="note"\r\n') + END, "invalid_multipart"),
            ("no name", part(PDF, b'filename="a.pdf"') + END, "invalid_multipart"),
            ("unended quote", part(PDF, b'name="file"; filename="a.pdf') + END, "invalid_multipart"),
            ("attachment", self.FILE.replace(b"form-data", b"attachment") + END, "invalid_multipart"),
            ("two files", self.FILE * 2 + END, "duplicate_file"),
            ("two files of two names", self.FILE + part(b"x", b'name=file; filename="b.html"') + END, "duplicate_file"),
            ("capitals", part(PDF, b'name="FILE"') + END, "no_file"),
            ("in UTF-16", part(PDF, b'name="' + "file".encode("utf-16-be") + b'"') + END, "invalid_multipart"),
            ("name*", part(PDF, b"name*=UTF-8''file") + END, "invalid_multipart"),
            ("nested, as the file", part(nested, b"name=file", b"Content-Type: multipart/mixed; boundary=inner\r\n") + END,
             "unsupported_file_type"),
            ("another boundary", self.FILE.replace(b"mizan", b"nazim") + END, "no_file"),
        )
        for name, body, code in cases:
            with self.subTest(name):
                answer = self.post(body)
                self.assert_problem(answer, 415 if code == "unsupported_file_type" else 400, code)
        self.assertEqual(0, self.documents())

    def test_boundaries(self):
        body, kind = multipart(PDF)
        for parameter in ("", "boundary", "boundary=", 'boundary=""', 'boundary="a', "boundary=" + "a" * 71, "boundary=a; boundary=b",
                          "boundary=a b", 'boundary="a "', "boundary=ş", 'boundary="a\\nb"', "boundary*=UTF-8''a", "boundary=a\x7f"):
            with self.subTest(parameter):
                self.assert_problem(self.post(body, **{"Content-Type": f"multipart/form-data; {parameter}".encode()}),
                                    400, "invalid_multipart")
        for kind in ("multipart/mixed; boundary=a", "multipart/form-data-x; boundary=a", "text/html", "multipart / form-data"):
            with self.subTest(kind):
                self.assert_problem(self.post(body, **{"Content-Type": kind}), 415, "invalid_content_type")

    def test_taken(self):
        """Odd, but sound: the file is found, to the byte."""
        cases = (
            ("64 parts", lambda file: self.NOTE * 63 + file + END),
            ("preamble and epilogue", lambda file: b"pre\r\n--no\r\n" + file + END + b"epi\r\n" + self.FILE + END),
            ("nested, with the outer boundary", lambda file: part(file + END, b"name=note") + END),
            ("padded delimiters", lambda file: file.replace(BOUNDARY, BOUNDARY + b" \t ", 1) + END[:-2] + b"  \r\n"),
            ("headers of 8 kB", lambda file: file.replace(b"\r\n", b"\r\nX-Long: " + b"a" * 8000 + b"\r\n", 1) + END),
            ("wrong charset", lambda file: part("utf".encode("utf-16"), b'name="_charset_"',
                                                b"Content-Type: text/plain; charset=utf-16\r\n") + file + END),
        )
        for name, form in cases:
            with self.subTest(name):
                content = PDF + uuid.uuid4().bytes + b"\r\n--\r\n--%s-\r\n\0\r\n\r\n" % BOUNDARY
                document = Document(content)
                answer = self.post(form(part(content)))
                self.assertEqual((202, document.sha256), (answer.status, answer.json["document"]["sha256"]), answer)
                self.assertEqual(content, self.stored(document.sha256))

    def test_at_every_edge(self):
        """A delimiter that lies across the borders at which buffers end."""
        head = len(part(b"").rpartition(b"\r\n")[0])
        lengths = [size + off - head for size in (4096, 8192, 16384, 65536)
                   for off in (-40, -29, -28, -27, -3, -2, -1, 0, 1)]
        for length in lengths:
            content = (PDF + uuid.uuid4().bytes).ljust(length - 3, b"\r") + b"\n\r\n"
            answer = self.post(part(content) + END)
            document = Document(content)
            self.assertEqual((202, document.sha256, len(content)),
                             (answer.status, answer.json["document"]["sha256"], answer.json["document"]["bytes"]))

    def test_file_names(self):
        """As test_intake's, and those that need odd headers."""
        cases = (
            (rb'filename="C:\windows\system32\evil.pdf"', "evil.pdf"),
            (b'filename="....//....//etc/passwd"', "passwd"),
            (b'filename="/etc/passwd/"', "document"),
            (b'filename="..\\..\\..\\a.pdf"', "a.pdf"),
            (b"filename=a.pdf; filename*=UTF-8''..%2f..%2fevil.html", "a.pdf"),
            (b"filename*=UTF-8''evil.html", "document"),
            (b'filename="a.pdf%00.html"', "a.pdf%00.html"),
            (b'filename="%2e%2e%2fa.pdf"', "%2e%2e%2fa.pdf"),
            (b'filename="\xc0\xae\xc0\xae\xc0\xaf"', "\ufffd" * 6),
            (b'filename="a\xed\xa0\x80.pdf"', "a\ufffd\ufffd\ufffd.pdf"),
            (b'filename="$(reboot)`id`;|&.pdf"', "$(reboot)`id`;|&.pdf"),
            (b'filename="%s%n%x%1$s.pdf"', "%s%n%x%1$s.pdf"),
            (b'filename="\\""', '"'),
            (b'filename="\xe2\x80\xa8\xe2\x80\xa9a\xef\xbb\xbf"', "a"),
            (b'filename="{\\"event\\":\\"forged\\"}"', '{"event":"forged"}'),
        )
        for disposition, expected in cases:
            with self.subTest(disposition):
                content = PDF + uuid.uuid4().bytes
                answer = self.post(part(content, b'name="file"; ' + disposition) + END)
                self.assertEqual((202, expected), (answer.status, answer.json["document"]["filename"]), answer)
                self.assertEqual([[expected]], self.stack.sql(
                    f"select filename from documents where tenant_id = '{self.tenant}'"
                    f" and sha256 = '\\x{Document(content).sha256}'"))


def stream_of(gibibytes):
    """A zlib stream of some KB a GiB that expands to so many GiB of zeros."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    mebibyte = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    n = gibibytes << 30
    return b"\x78\x9c" + mebibyte * (gibibytes << 10) + b"\x03\x00" + ((n % 65521) << 16 | 1).to_bytes(4, "big")


def bomb(salt):
    """A PDF of some 40 KB whose page expands to 16 GiB for whoever follows its filters."""
    page = zlib.compress(stream_of(16), 9)
    return (b"%%PDF-1.7\n%% %s\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
            b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
            b"3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]>>endobj\n"
            b"4 0 obj<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream endobj\n"
            b"trailer<</Root 1 0 R>>\n%%%%EOF\n" % (salt, len(page), page))


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width, height, pixels, after=b""):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0")
            + chunk(b"IDAT", pixels) + chunk(b"IEND", b"") + after)


class Files(HostileCase):
    """Files that are two things at once, or far larger than they look."""
    HTML = b"<html><script>alert(document.domain)</script>"
    # An empty ZIP archive's end, with a comment.
    ZIP = b"PK\x05\x06" + bytes(16) + b"\x04\0evil"

    def send(self, content, kind):
        """Taken in as that type, kept to the byte, and never given out."""
        document = Document(content, "a.html")
        self.sim.answer(document.sha256, extraction("electricity-exact"))
        answer = self.upload(document)
        self.assertEqual((200, kind), (answer.status, answer.json["document"]["media_type"]), answer)
        self.assertEqual(content, self.stored(document.sha256))
        for one in (answer, self.stack.job(answer.json["job_id"])):
            self.assertEqual("application/json", one.headers.get_content_type())
            self.assertEqual("nosniff", one.headers["X-Content-Type-Options"])
            self.assertNotIn(b"alert(", one.body)
            self.assertNotIn(b"<html>", one.body)

    def test_polyglots(self):
        salt = uuid.uuid4().bytes
        dot = zlib.compress(b"\0\0")
        cases = (
            ("application/pdf", b"%PDF-1.7\n" + self.HTML + salt),
            ("application/pdf", b"%PDF-1.7\n" + salt + self.ZIP),
            ("application/pdf", b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>endobj" + salt),
            ("application/pdf", b"%PDF-1.7\n%MZ\x90\0" + salt),
            ("image/png", png(1, 1, dot, self.ZIP + salt)),
            ("image/png", png(1, 1, dot + self.HTML, salt)),
            ("image/jpeg", b"\xff\xd8\xff\xfe" + (len(self.HTML) + 2).to_bytes(2, "big") + self.HTML + salt + b"\xff\xd9"),
            ("image/webp", b"RIFF" + (12 + 4).to_bytes(4, "little") + b"WEBPVP8 " + bytes(8) + self.HTML + salt),
        )
        for kind, content in cases:
            with self.subTest(kind=kind, content=content[:40]):
                self.send(content, kind)

    def test_what_only_some_readers_take(self):
        """A magic that is not at the very start makes nothing a PDF."""
        for content in (self.HTML + b"%PDF-1.7\n", b"\n%PDF-1.7\n", b"\xef\xbb\xbf%PDF-1.7\n", self.ZIP + b"%PDF-1.7\n",
                        b"%PDF-", b"%PDF-1.", b"%PDF-x.7 ", b"%pdf-1.7 ", b"GIF89a/*%PDF-1.7*/", b"<svg onload=alert(1)>",
                        b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + bytes(25), b"\xff\xd8\xff", b"\xff\xd8\xff\x00",
                        b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(8), b"RIFF\x10\0\0\0WEBPVP8\0" + bytes(8)):
            with self.subTest(content):
                self.assert_problem(self.upload(content), 415, "unsupported_file_type")

    def test_no_route_gives_a_document_out(self):
        done = self.upload_done(self.stack.unique_pdf())
        job, sha256 = done["job_id"], done["document"]["sha256"]
        for path in (f"/jobs/{job}/document", f"/jobs/{job}.pdf", f"/jobs/{job}/", f"/documents/{sha256}", f"/{sha256}",
                     f"/full-process/{job}", "/uploads/", "/nginx/uploads/", "/static/", "/admin/documents"):
            with self.subTest(path):
                answer = self.stack.get(path, headers={"X-Admin-Key": self.stack.admin_key})
                self.assertIn(answer.status, (401, 404))
                self.assertEqual("application/problem+json", answer.headers.get_content_type())

    def test_bombs_are_not_expanded(self):
        """16 GiB in 40 KB, and an image of 900 megapixels: carried, never opened."""
        rows = stream_of(1)
        pids = [self.stack.pid(name) for name in ("full_process", "worker-1", "nginx")]
        for content in (bomb(uuid.uuid4().hex.encode()), png(30000, 30000, rows, uuid.uuid4().bytes)):
            self.assertLess(len(content), 2 << 20)
            self.send(content, "application/pdf" if content.startswith(b"%PDF") else "image/png")
            before = [peak_kb(pid) for pid in pids]
            for salt in range(5):
                self.send(content + bytes([salt]), "application/pdf" if content.startswith(b"%PDF") else "image/png")
            for pid, kb in zip(pids, before):
                # A few copies of the file, also where a sanitizer holds back what is freed.
                self.assertLess(peak_kb(pid) - kb, 64 * 1024)


def peak_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+)", text, re.MULTILINE).group(1))


class Requests(HostileCase):
    """Requests that two parsers might read in two ways.  nginx alone reads HTTP, and hands on what
    it read in FastCGI's records, whose lengths are numbers; so whatever it takes for one request is
    one.  What could hide a second request in front of it, it refuses, and closes."""
    CLOSE = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"  # a sign that it is still in step

    def key(self):
        return b"Host: x\r\nX-API-Key: " + self.stack.api_key.encode() + b"\r\n"

    def post(self, headers=b"", rest=b""):
        return b"POST /full-process HTTP/1.1\r\n" + self.key() + headers + b"\r\n" + rest

    def get(self, path=b"/jobs/1", headers=b"", version=b"HTTP/1.1"):
        return b"GET " + path + b" " + version + b"\r\n" + self.key() + headers + b"\r\n"

    def assert_answers(self, expected, request):
        """Exactly these statuses to the request and to CLOSE behind it; a refusal that closes leaves
        CLOSE without an answer."""
        found = wire.exchange(self.stack, request + self.CLOSE)
        self.assertEqual(expected, [a.status for a in found], [a.body for a in found])
        for answer in found:
            self.assertLessEqual({name.lower() for name in answer.headers.keys()}, RESPONSE_HEADERS)
        return found

    def test_length_and_chunks(self):
        hidden = self.get()
        chunked = b"Transfer-Encoding: chunked\r\n"
        for name, headers, rest, expected in (
            ("both", b"Content-Length: 6\r\n" + chunked, b"0\r\n\r\nG", [400]),
            ("both, other order", chunked + b"Content-Length: 4\r\n", b"5c\r\n" + hidden + b"\r\n0\r\n\r\n", [400]),
            ("length twice", b"Content-Length: 0\r\n" * 2, b"", [400]),
            ("two lengths", b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(hidden), hidden, [400]),
            ("a list", b"Content-Length: 0, 0\r\n", b"", [400]),
            ("+0", b"Content-Length: +0\r\n", b"", [400]),
            ("-1", b"Content-Length: -1\r\n", b"", [400]),
            ("0x10", b"Content-Length: 0x10\r\n", b"", [400]),
            ("past 64 bits", b"Content-Length: 99999999999999999999\r\n", b"", [400]),
            ("chunked twice", chunked * 2, b"0\r\n\r\n", [400]),
            ("chunked and identity", chunked + b"Transfer-Encoding: identity\r\n", b"0\r\n\r\n", [400]),
            ("chunked, identity", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n", [501]),
            ("xchunked", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", [501]),
            ("tab before chunked", b"Transfer-Encoding:\tchunked\r\n", b"0\r\n\r\n", [501]),
            ("vertical tab", b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n", [501]),
            ("blank before the colon", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n", [400]),
            ("folded", b"X-A: b\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", [400]),
            ("underscore: no such header", b"Transfer_Encoding: chunked\r\n", b"", [400, 200]),
            ("trailers, which are dropped", chunked, b"0\r\nX-API-Key: x\r\nContent-Length: 5\r\n\r\n", [400, 200]),
            ("chunk extension", chunked, b"0;a=\"b\"\r\n\r\n", [400, 200]),
            ("chunk of 2^68", chunked, b"ffffffffffffffff1\r\n\r\n", [400]),
            ("chunk of -1", chunked, b"-1\r\n\r\n", [400]),
            ("chunk of 0x0", chunked, b"0x0\r\n\r\n", [400]),
            ("chunk without its CRLF", chunked, b"1\r\nab\r\n0\r\n\r\n", [400]),
        ):
            with self.subTest(name):
                self.assert_answers(expected, self.post(headers, rest))

    def test_refused_with_its_body_unread(self):
        """What was a body does not become a request when nobody wants it."""
        hidden = self.get(b"/admin/config", b"X-Admin-Key: %s\r\n" % self.stack.admin_key.encode())
        length = b"Content-Length: %d\r\n" % len(hidden)
        cases = (
            (b"POST /full-process HTTP/1.1\r\nHost: x\r\n", 401, "missing_api_key"),
            (b"POST /full-process?tenant_id=- HTTP/1.1\r\n" + self.key(), 400, "invalid_tenant_id"),
            (b"POST /nothing HTTP/1.1\r\n" + self.key(), 404, "not_found"),
            (b"DELETE /full-process HTTP/1.1\r\n" + self.key(), 405, "method_not_allowed"),
            (b"GET /jobs/1 HTTP/1.1\r\n" + self.key(), 404, "job_not_found"),
            (b"POST /health HTTP/1.1\r\n" + self.key(), 405, "method_not_allowed"),
        )
        for head, status, code in cases:
            with self.subTest(head=head[:40]):
                found = self.assert_answers([status, 200], head + length + b"\r\n" + hidden)
                self.assertEqual([code, {"status": "ok"}], [found[0].json["code"], found[1].json])

    def test_request_lines(self):
        for name, request, expected in (
            ("HTTP/1.0 closes", b"GET /health HTTP/1.0\r\n\r\n", [200]),
            ("HTTP/1.0 and chunks", b"POST /full-process HTTP/1.0\r\n" + self.key() + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
            ("HTTP/2.0 in a line", self.get(version=b"HTTP/2.0"), [505]),
            ("http/1.1", self.get(version=b"http/1.1"), [400]),
            ("HTTP/11", self.get(version=b"HTTP/11"), [505]),
            ("no host", b"GET /health HTTP/1.1\r\n\r\n", [400]),
            ("two hosts", self.get(headers=b"Host: y\r\n"), [400]),
            ("a host with a path", b"GET /health HTTP/1.1\r\nHost: x/../y\r\n\r\n", [400]),
            ("lower case", b"get /health HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
            ("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
            ("*", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
            ("tabs", b"GET\t/health\tHTTP/1.1\r\nHost: x\r\n\r\n", [400]),
            ("two versions", b"GET /health HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
            ("NUL", self.get(b"/jobs/1\0"), [400]),
            ("%00", self.get(b"/jobs/%00"), [400]),
            ("bare CR", b"GET /health HTTP/1.1\r\nHost: x\rX-API-Key: y\r\n\r\n", [400]),
            ("NUL in a header", self.get(headers=b"X-Trace-Id: abcdefgh\0\r\n"), [400]),
            ("above the root", self.get(b"/../../etc/passwd"), [400]),
            ("another host's URL", self.get(b"https://evil.example/jobs/1"), [404, 200]),
            ("CR LF in the path", self.get(b"/jobs/a%0d%0aSet-Cookie:%20x=1"), [404, 200]),
            ("CR LF in the query", self.get(b"/jobs/1?a=%0d%0aSet-Cookie:%20x=1"), [404, 200]),
            ("no UTF-8", self.get(b"/jobs/\xff\xfe"), [404, 200]),
            ("internal location", self.get(b"/_problem"), [404, 200]),
            ("upgrade", self.get(headers=b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), [404, 200]),
            ("expectation", self.post(b"Expect: 100-continue\r\nContent-Length: 0\r\n"), [400, 200]),
            ("lines without CR", b"GET /health HTTP/1.1\nHost: x\n\n", [200, 200]),
        ):
            with self.subTest(name):
                self.assert_answers(expected, request)

    def test_every_path_to_a_route_has_its_guard(self):
        for path in (b"/admin/config", b"/jobs/../admin/config", b"/jobs/%2e%2e/admin/config", b"/admin//config", b"/admin/./config",
                     b"/admin%2fconfig", b"//admin/config", b"/%61dmin/config", b"/admin/config/", b"/admin/config%00", b"/ADMIN/config",
                     b"/admin/config;x", b"/admin/config%3f", b"/admin\\config", b"/full-process/../admin/config", b"/health/../admin/config"):
            with self.subTest(path):
                found = wire.exchange(self.stack, self.get(path) + self.CLOSE)
                self.assertIn(found[0].status, (400, 401, 404), found[0])
                self.assertNotIn(b"PILOT_TENANT_ID", found[0].body)

    def test_one_key_one_header(self):
        """An underscore makes no header, a fold no value, and the first of two counts."""
        key, wrong = self.stack.api_key.encode(), b"X-API-Key: wrong\r\n"
        right = b"X-API-Key: " + key + b"\r\n"
        for name, headers, status in (
            ("underscores", b"X_API_Key: " + key + b"\r\n", 401), ("folded", b"X-API-Key:\r\n " + key + b"\r\n", 400),
            ("empty first", b"X-API-Key:\r\n" + right, 401), ("wrong first", wrong + right, 401),
            ("in the query", b"", 401), ("quoted", b'X-API-Key: "' + key + b'"\r\n', 401),
            ("cut", b"X-API-Key: " + key[:-1] + b"\r\n", 401), ("longer", b"X-API-Key: " + key + b"a\r\n", 401),
            ("NUL escape", b"X-API-Key: " + key + b"%00\r\n", 401), ("bearer", b"Authorization: Bearer " + key + b"\r\n", 401),
            ("cookie", b"Cookie: X-API-Key=" + key + b"\r\n", 401), ("meta-variable", b"HTTP_X_API_KEY: " + key + b"\r\n", 401),
            ("right", right, 404),
        ):
            with self.subTest(name):
                request = b"GET /jobs/1?X-API-Key=%s HTTP/1.1\r\nHost: x\r\n%s\r\n" % (key, headers)
                self.assertEqual(status, wire.exchange(self.stack, request + self.CLOSE)[0].status)

    def test_a_body_is_not_named_by_its_sender(self):
        """REQUEST_BODY_FILE is nginx's to say."""
        names = b"Request-Body-File: /etc/passwd\r\nREQUEST_BODY_FILE: /etc/passwd\r\nRequest-Id: " + b"a" * 32 + b"\r\n"
        form = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 0\r\n"
        found = self.assert_answers([400, 200], self.post(names + form))
        self.assertEqual("no_file", found[0].json["code"])

    def test_http2(self):
        """Fields of binary length: a CR, LF or NUL in one must not reach HTTP/1's or the log's lines."""
        path, key = b"/jobs/1", (b"x-api-key", self.stack.api_key.encode())
        plain = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", path), (b":authority", b"x"), key]
        kinds, body = wire.http2(self.stack, plain)
        self.assertEqual(([wire.HEADERS, wire.DATA], "job_not_found"), (kinds, json.loads(body)["code"]))
        for name, fields in (
            ("LF behind the trace id", plain + [(b"x-trace-id", b"abcdefgh\n")]),
            ("CR LF in the trace id", plain + [(b"x-trace-id", b"abcdefgh\r\nset-cookie: x=1")]),
            ("NUL in the trace id", plain + [(b"x-trace-id", b"abcdefgh\0")]),
            ("LF behind the key", plain[:-1] + [(key[0], key[1] + b"\n")]),
            ("LF behind the path", [(n, path + b"\n" if n == b":path" else v) for n, v in plain]),
            ("a request in the path", [(n, b"/ HTTP/1.1\r\nX: " if n == b":path" else v) for n, v in plain]),
            ("LF behind the tenant", [(n, b"/full-process?tenant_id=a\n" if n == b":path" else v) for n, v in plain]),
            ("LF behind the method", [(n, b"GET\n" if n == b":method" else v) for n, v in plain]),
            ("CR LF in the host", [(n, b"x\r\ny" if n == b":authority" else v) for n, v in plain]),
            ("CR LF in a name", plain + [(b"x\r\nset-cookie", b"x=1")]),
            ("colon in a name", plain + [(b"x:y", b"z")]),
            ("capitals in a name", plain + [(b"X-Api-Key", b"z")]),
        ):
            with self.subTest(name):
                kinds, body = wire.http2(self.stack, fields)
                self.assertEqual([wire.RST_STREAM], kinds, body)
        upload = [(n, {b":method": b"POST", b":path": b"/full-process"}.get(n, v)) for n, v in plain]
        for name, fields, code in (
            ("two paths", plain + [(b":path", b"/admin/config")], "bad_request"),
            ("shorter than its length", upload + [(b"content-length", b"20")], "bad_request"),
            ("longer than its length", upload + [(b"content-length", b"2")], "bad_request"),
            ("chunked", upload + [(b"transfer-encoding", b"chunked")], "no_file"),  # a word without meaning here
        ):
            with self.subTest(name):
                self.assertEqual(code, json.loads(wire.http2(self.stack, fields, b"0\r\n\r\nG")[1])["code"])


class Injection(HostileCase):
    """What a stranger says stays a value: in response headers, in log lines, in SQL."""
    MARK = "Evil.Mark"  # no trace id
    VALUES = ('{m}', '{m}"', "{m}\\", '{m}"}},{{"event":"forged', "{m}' or '1'='1", "{m}'; drop table jobs; --", "{m}\x7f\x01\x1b[2J",
              "{m}\u202e\u2028\U0001f4a9", "{m}%0d%0aSet-Cookie: x=1", "{m}\\r\\nSet-Cookie: x=1", "{m}${{jndi:ldap://x}}", "{m}<script>",
              "{m}%s%n%1$s", "\tset-cookie: {m}")
    HEADERS = ("X-Trace-Id", "X-Request-Id", "traceparent", "tracestate", "Idempotency-Key", "Prefer", "User-Agent", "Referer", "Cookie",
               "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "X-Real-IP", "Accept", "Accept-Language", "Range", "If-None-Match",
               "Origin", "Proxy", "X-Original-URL", "X-HTTP-Method-Override")

    def values(self):
        return [v.format(m=self.MARK).encode() for v in self.VALUES] + [self.MARK.encode() + b"\xff\xfe\xc0\xaf"]

    def assert_clean(self, answer):
        """No header but ours, and nothing of the mark in any."""
        self.assertLessEqual({name.lower() for name in answer.headers.keys()}, RESPONSE_HEADERS)
        for name, value in answer.headers.items():
            self.assertNotIn(self.MARK.lower(), value.lower(), name)
            self.assertRegex(value, r"\A[ -~]*\Z", name)

    def test_headers(self):
        for header in self.HEADERS:
            for value in self.values():
                with self.subTest(header=header, value=value):
                    answer = self.stack.get("/jobs/1", headers={header: value})
                    self.assertEqual(404, answer.status, answer)
                    self.assert_clean(answer)
        self.assert_logs()

    def test_uploads(self):
        """Through all of the pipeline: file name, Idempotency-Key, and what is not looked at."""
        jobs = []
        for value in self.values():
            content = PDF + uuid.uuid4().bytes
            name = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"').translate(None, bytes(range(9)) + b"\x1b\x7f")
            headers = {"X-Request-Id": value, "traceparent": value, "User-Agent": value}
            if re.fullmatch(rb'[!#-~]+', value):
                headers["Idempotency-Key"] = value
            answer = self.post(part(content, b'name="file"; filename="%s.pdf"' % name) + END, **headers)
            self.assertEqual(202, answer.status, answer)
            self.assert_clean(answer)
            jobs.append(answer.json["job_id"])
        for job in jobs:
            self.assertIn(self.stack.ended_job(job)["status"], ("SUCCEEDED", "FAILED"))
            self.assert_clean(self.stack.job(job))
        kept = {name for (name,) in self.stack.sql(f"select filename from documents where tenant_id = '{self.tenant}'")}
        self.assertLessEqual({f"{self.MARK}'; drop table jobs; --.pdf", f"{self.MARK}' or '1'='1.pdf", f"{self.MARK}%s%n%1$s.pdf"}, kept)
        self.assert_logs()
        self.assert_sql()

    def test_tenants_and_queries(self):
        for value in self.values():
            with self.subTest(value):
                query = {"tenant_id": value, "force": value, value: value}
                answer = self.stack.request("POST", "/full-process", b"", self.stack.key_header(), query)
                self.assert_problem(answer, 400, "invalid_tenant_id")
                self.assert_clean(answer)
                answer = self.stack.request("POST", "/full-process", b"", self.stack.key_header(), query | {"tenant_id": self.tenant})
                # A name that cannot be read might have been the tenant's.
                self.assertIn(answer.json["code"], ("no_file", "invalid_tenant_id"))
                self.assert_clean(answer)
        self.assert_logs()

    def assert_logs(self):
        """One object a line, of our events, in our logs; and no line that a stranger began."""
        for path in (self.stack.dir / "log").glob("*.log"):
            if not OURS.fullmatch(path.stem):
                continue
            for line in path.read_bytes().splitlines():
                event = json.loads(line.decode())
                self.assertNotEqual("forged", event["event"])
                self.assertRegex(event["event"], r"\A[a-z_]+(\.[a-z_]+)*\Z")
                if path.stem == "access":
                    self.assertNotIn(self.MARK, event["path"] + event["tenant_id"])
                self.assertRegex(event.get("trace_id") or "none", r"\A[A-Za-z0-9_-]{4,64}\Z")

    def assert_sql(self):
        """Whatever a session of the application runs, it is our text."""
        for role in ("app", "worker"):
            queries = self.stack.sql("select query from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()", role)
            self.assertTrue(queries)
            for (query,) in queries:
                for text in (self.MARK, self.tenant, "forged"):
                    self.assertNotIn(text, query)


if __name__ == "__main__":
    unittest.main()

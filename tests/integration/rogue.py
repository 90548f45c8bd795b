"""A provider that means harm: a server in OpenAI's place whose answers are whatever bytes a test sends."""
import contextlib
import copy
import json
import socket
import threading
import time

from harness import extraction

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Call:
    """A request as it came, and the connection to answer it on."""

    def __init__(self, connection, head, body):
        self.connection = connection
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        self.body = body
        self.sent = 0

    def send(self, data):
        self.connection.sendall(data)
        self.sent += len(data)

    def flood(self, piece, most=64 << 20):
        """The piece again and again, until the client has enough of it, or `most` bytes are sent."""
        piece *= max(1, 16384 // len(piece))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, socket.timeout):
            while self.sent < most:
                self.send(piece)

    def closed(self, timeout=10):
        """Waits for the client to close."""
        self.connection.settimeout(timeout)
        with contextlib.suppress(ConnectionResetError):
            while self.connection.recv(65536):
                pass


class Rogue:
    """Answers each call with the next of `script` (functions of a Call), and with `otherwise` after
    them; calls are kept."""

    def __init__(self):
        self.calls = []
        self.script = []
        self.otherwise = lambda call: call.send(whole(completion()))
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    def play(self, *script):
        with self.lock:
            self.calls, self.script = [], list(script)

    def listen(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(20)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while (call := self.receive(connection)) is not None:
                with self.lock:
                    self.calls.append(call)
                    act = self.script.pop(0) if self.script else self.otherwise
                act(call)

    @staticmethod
    def receive(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        call = Call(connection, head, b"")
        while len(body) < int(call.headers.get("content-length", 0)):
            piece = connection.recv(1 << 20)
            if not piece:
                return None
            body += piece
        call.body = body
        return call


def invoice(name="electricity-exact", **values):
    """The sample's extraction with some of its fields' values replaced, and a number of its own."""
    answer = copy.deepcopy(extraction(name))
    for field, value in values.items():
        answer[field]["value"] = value
    answer["invoice_number"]["value"] = values.get("invoice_number", f"R{time.monotonic_ns()}")
    return answer


def completion(content=None, **envelope):
    """The body of a chat completion; content as the model wrote it, an object is made JSON."""
    if content is None:
        content = invoice()
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    message = {"role": "assistant", "content": content, "refusal": None}
    return json.dumps({"model": "rogue-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                       "usage": {"prompt_tokens": 1, "completion_tokens": 1}} | envelope, ensure_ascii=False).encode()


def whole(body, headers=b""):
    return HEAD + headers + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

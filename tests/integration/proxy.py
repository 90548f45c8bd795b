"""A proxy to put between two parts of a stack, which fails as networks and peers do.

    with Proxy(("127.0.0.1", 8080)) as proxy:   # in front of an address or of a unix socket's path
        client(proxy.address)
        proxy.set(SILENT)                       # every connection, those that stand and those to come
        proxy.set(SILENT, only=b"listener")     # those whose first bytes hold that
        proxy.set(CUT, after=1000)              # new ones, once they brought 1,000 bytes of answer
        proxy.set(PASS)

PASS    every byte goes on
SILENT  connections are accepted and bytes taken, but nothing arrives anywhere, not even the end;
        PASS then ends what lost a byte by it, as a network that is back would
REFUSE  nobody listens; connections that stand are left alone
RESET   connections end with a reset as soon as they are made
SLOW    a few bytes at a time
CUT     connections end in order, as when the peer was stopped
"""
import contextlib
import os
import socket
import struct
import threading
import time

PASS, SILENT, REFUSE, RESET, SLOW, CUT = "pass", "silent", "refuse", "reset", "slow", "cut"
ANSWERS, REQUESTS = "answers", "requests"
CHUNK = 65536
SLOW_BYTES, SLOW_SECONDS = 512, 0.05


class Connection:
    """One connection through the proxy; .head holds the first bytes that its client sent."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = None
        self.head = b""
        self.mode, self.after, self.way = proxy.mode, proxy.after, proxy.way
        self.passed = {ANSWERS: 0, REQUESTS: 0}
        self.lost = False  # a byte, or the end of one side: what cannot be made good

    def start(self):
        if self.acts(CUT) or self.acts(RESET) or self.mode == REFUSE:
            self.end()
            return
        try:
            self.server = socket.socket(socket.AF_UNIX if isinstance(self.proxy.target, str) else socket.AF_INET)
            self.server.connect(self.proxy.target)
        except OSError:
            self.end()
            return
        for source, sink, way in ((self.client, self.server, REQUESTS), (self.server, self.client, ANSWERS)):
            threading.Thread(target=self.pump, args=(source, sink, way), daemon=True).start()

    def acts(self, mode):
        return self.mode == mode and self.passed[self.way] >= self.after

    def pump(self, source, sink, way):
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if way == REQUESTS and len(self.head) < 1024:
                    self.head += data[:1024]
                if not self.forward(data, sink, way):
                    break
        if self.acts(SILENT):
            self.lost = True  # the other side is not told
        else:
            self.end()

    def forward(self, data, sink, way):
        """False: the connection is to end."""
        while data:
            # Up to the byte where the fault begins, then by what the mode has become.
            room = len(data)
            if self.mode != PASS and way == self.way and self.passed[way] < self.after:
                room = self.after - self.passed[way]
            if self.acts(SILENT):
                self.lost = True
                return True
            if self.acts(CUT) or self.acts(RESET):
                return False
            if self.acts(SLOW):
                room = min(room, SLOW_BYTES)
                time.sleep(SLOW_SECONDS)
            sink.sendall(data[:room])
            self.passed[way] += min(room, len(data))
            data = data[room:]
        return not (self.acts(CUT) or self.acts(RESET))

    def end(self):
        for s in (self.client, self.server):
            if s is None:
                continue
            with contextlib.suppress(OSError):
                if self.mode == RESET:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    s.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                s.close()
        self.proxy.forget(self)


class Proxy:
    """In front of target, (host, port) or the path of a unix socket; listens on a port of its
    own, or on the path listen."""

    def __init__(self, target, listen=None):
        self.target = str(target) if not isinstance(target, tuple) else target
        self.listen = None if listen is None else str(listen)
        self.mode, self.after, self.way = PASS, 0, ANSWERS
        self.accepted = 0  # connections, since the beginning
        self.connections = []
        self.lock = threading.Lock()
        self.address = None
        self.listener = None
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def port(self):
        return self.address[1]

    def open(self):
        listener = socket.socket(socket.AF_INET if self.listen is None else socket.AF_UNIX)
        if self.listen is None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self.address or ("127.0.0.1", 0))
            self.address = listener.getsockname()
        else:
            listener.bind(self.listen)
            os.chmod(self.listen, 0o777)
        listener.listen(512)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with self.lock:
                    self.accepted += 1
                    connection = Connection(self, client)
                    self.connections.append(connection)
                connection.start()

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener is None:
            return
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        listener.close()
        if self.listen is not None:
            os.unlink(self.listen)

    def set(self, mode, after=0, way=ANSWERS, only=None):
        """How it is from now on.  With `after` only new connections are meant, and for each the
        mode begins with that many bytes; with `only` just the standing ones whose head holds it."""
        with self.lock:
            standing = list(self.connections)
            if only is None:
                self.mode, self.after, self.way = mode, after, way
        for c in standing:
            if after or mode == REFUSE or (only is not None and only not in c.head):
                continue
            c.after, c.way, c.mode = 0, way, mode
            if mode in (CUT, RESET) or c.lost:
                c.end()
        if mode == REFUSE:
            self.refuse()
        elif only is None and self.listener is None:
            self.open()

    def heads(self, holding=b""):
        """First bytes of the connections that stand."""
        with self.lock:
            return [c.head for c in self.connections if holding in c.head]

    def forget(self, connection):
        with self.lock, contextlib.suppress(ValueError):
            self.connections.remove(connection)

    def close(self):
        self.refuse()
        with self.lock:
            standing = list(self.connections)
        for c in standing:
            c.mode = CUT
            c.end()

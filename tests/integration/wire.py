"""Bytes as they are: HTTP that no library would send, and what comes back."""
import contextlib
import email
import json
import socket

from harness import Answer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


@contextlib.contextmanager
def connection(stack, alpn=None, timeout=20):
    context = stack.tls
    if alpn:
        import ssl
        context = ssl.create_default_context(cafile=stack.env["MIZAN_CACERT"])
        context.set_alpn_protocols([alpn])
    address = (stack.address.hostname, stack.address.port)
    with socket.create_connection(address, timeout=timeout) as plain, \
            context.wrap_socket(plain, server_hostname=address[0]) as s:
        yield s


def everything(s):
    """What is received until the other side closes."""
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := s.recv(65536):
            text += chunk
    return text


def exchange(stack, *pieces):
    """The answers to these bytes, which must make the server close the connection in the end."""
    with connection(stack) as s:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                s.sendall(piece)
        return answers(everything(s))


def answers(text):
    """An Answer for each HTTP/1 response in it; 1xx are left out.  The first is HEAD's where it has
    a length and no body: the next one begins at once."""
    found = []
    while text:
        head, blank, rest = text.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"HTTP/1."):
            raise AssertionError(f"no HTTP/1 response: {text[:200]!r}")
        line, _, fields = head.partition(b"\r\n")
        status = int(line.split()[1])
        headers = email.message_from_bytes(fields + b"\r\n\r\n")
        length = int(headers.get("Content-Length", 0))
        body = b"" if rest.startswith(b"HTTP/1.") else rest[:length]
        text = rest[len(body):]
        if status >= 200:
            answer = Answer(status, headers, json.loads(body) if body else None)
            answer.body = body
            found.append(answer)
    return found


# --- HTTP/2 (RFC 9113), as much as one request takes; header fields as HPACK literals

def literal(text):
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, out = len(text) - 127, b"\x7f"
    while rest >= 128:
        out += bytes([rest % 128 + 128])
        rest //= 128
    return out + bytes([rest]) + text


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def http2(stack, fields, body=None):
    """(frame types, body) of the answer to one request with exactly these fields."""
    block = b"".join(b"\0" + literal(name) + literal(value) for name, value in fields)
    request = PREFACE + frame(SETTINGS, 0, 0, b"")
    request += frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), 1, block)
    if body is not None:
        request += frame(DATA, END_STREAM, 1, body)
    request += frame(GOAWAY, 0, 0, bytes(8))
    with connection(stack, "h2") as s:
        s.sendall(request)
        return frames_of_stream(s)


def frames_of_stream(s):
    kinds, body, text = [], b"", b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := s.recv(65536):
            text += chunk
            while len(text) >= 9 and len(text) >= 9 + int.from_bytes(text[:3], "big"):
                end = 9 + int.from_bytes(text[:3], "big")
                kind, flags, stream, payload = text[3], text[4], text[5:9], text[9:end]
                text = text[end:]
                if stream == b"\0\0\0\1" and kind in (DATA, HEADERS, RST_STREAM):
                    kinds.append(kind)
                    body += payload if kind == DATA else b""
                    if kind == RST_STREAM or flags & END_STREAM:
                        return kinds, body
    return kinds, body

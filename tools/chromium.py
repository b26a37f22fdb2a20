"""Drives headless Chromium by its DevTools protocol, with nothing but Python's standard library."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DEADLINE = 90.0  # seconds for the browser to start, and for each answer of it
QUIET = 1.0  # seconds without an event after which a loaded page counts as settled


class Failure(Exception):
    """An error with a message for the user."""


def find_browser():
    for name in filter(None, (os.environ.get("CHROMIUM"), *BROWSERS)):
        path = shutil.which(name)
        if path:
            return path
    raise Failure(
        "Chromium is not installed. Install it with `apt-get install chromium`, or name it in the environment variable CHROMIUM."
    )


def masked(payload, mask):
    """Returns the payload as a client must send it: every byte exclusive or the mask's."""
    count = len(payload)
    key = int.from_bytes((mask * (count // 4 + 1))[:count], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(count, "big")


class DevTools:
    """Just enough of a WebSocket client (RFC 6455) for Chromium's DevTools protocol."""

    def __init__(self, address):
        host, _, rest = address.removeprefix("ws://").partition("/")
        name, _, port = host.partition(":")
        self.socket = socket.create_connection((name, int(port)), timeout=DEADLINE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /{rest} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.received = b""
        while b"\r\n\r\n" not in self.received:
            self._receive()
        head, self.received = self.received.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Failure(f"Chromium refused the connection: {head!r}")
        self.last_id = 0
        self.events = []

    def _receive(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Failure("Chromium closed the connection")
        self.received += data

    def _take(self, count):
        while len(self.received) < count:
            self._receive()
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def _message(self):
        message = b""
        while True:
            first, second = self._take(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self._take(8))
            payload = self._take(length)
            if first & 0x0F in (0, 1):
                message += payload
                if first & 0x80:
                    return json.loads(message)

    def call(self, method, **parameters):
        self.last_id += 1
        payload = json.dumps({"id": self.last_id, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        if len(payload) < 126:
            header = bytes([0x81, 0x80 | len(payload)])
        elif len(payload) < 1 << 16:
            header = b"\x81\xfe" + struct.pack(">H", len(payload))
        else:
            header = b"\x81\xff" + struct.pack(">Q", len(payload))
        self.socket.settimeout(DEADLINE)
        self.socket.sendall(header + mask + masked(payload, mask))
        while True:
            message = self._message()
            if message.get("id") == self.last_id:
                if "error" in message:
                    raise Failure(f"{method}: {message['error'].get('message')}")
                return message["result"]
            self.events.append(message)

    def settle(self):
        """Collects events until the page has loaded and then no event comes for QUIET seconds."""
        deadline = time.monotonic() + DEADLINE
        loaded = any(event.get("method") == "Page.loadEventFired" for event in self.events)
        while time.monotonic() < deadline:
            self.socket.settimeout(QUIET if loaded else DEADLINE)
            try:
                event = self._message()
            except TimeoutError:
                break
            loaded = loaded or event.get("method") == "Page.loadEventFired"
            self.events.append(event)
        if not loaded:
            raise Failure("the page did not finish loading")


# What every page is opened with: no profile, no updates, no network but this machine.
QUIETLY = (
    "--headless=new", "--no-sandbox", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
    "--metrics-recording-only", "--mute-audio", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
)


@contextlib.contextmanager
def browser(*arguments):
    """Starts Chromium, gives the DevTools of its empty page, and ends it."""
    program = find_browser()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        with open(pathlib.Path(folder) / "browser.txt", "w+", encoding="utf-8", errors="replace") as errors:
            process = subprocess.Popen(
                [program, *QUIETLY, f"--user-data-dir={folder}/profile", *arguments, "about:blank"],
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            try:
                tools = connect(process, pathlib.Path(folder) / "profile" / "DevToolsActivePort", errors)
                yield tools
                close(tools)
            except BaseException:
                process.kill()
                raise
            finally:
                stop(process)


def close(tools):
    """Asks the browser to end, which completes its network log."""
    try:
        tools.call("Browser.close")
    except (Failure, OSError):
        pass


def connect(process, port_file, errors):
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            port = int(port_file.read_text().splitlines()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=DEADLINE) as answer:
                targets = [target for target in json.load(answer) if target["type"] == "page"]
            if targets:
                return DevTools(targets[0]["webSocketDebuggerUrl"])
        except (OSError, ValueError, IndexError):
            pass
        time.sleep(0.1)
    errors.seek(0)
    raise Failure(f"Chromium did not start: {errors.read()[-2000:]}")


def evaluate(tools, expression):
    answer = tools.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
    if "exceptionDetails" in answer:
        raise Failure(f"{expression[:60]}: {answer['exceptionDetails']['exception'].get('description')}")
    return answer["result"].get("value")


def stop(process):
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""A small web application behind the endpoint: it shows who may come in, and follows each change as it happens.

    python examples/application.py TENANT_URL TOKEN_FILE [PORT] [COPY_FILE]

The token is that of a credential of the scope read. `make example` makes one, for the endpoint of `make run`.
"""

import json
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local_copy import LocalCopy

PAGE = Path(__file__).with_name("application.html")
POLL_SECONDS = 1
"""On one's own machine; where each request is billed, a minute."""
SHOWN = 20
"""Events on the page."""


class Application:
    """What the page shows, replaced as a whole after each poll: never what is half applied."""

    def __init__(self, copy):
        self.copy = copy
        self.events = []
        self.told = json.dumps({"state": "starting", "people": [], "groups": [], "events": []})

    def follow(self):
        """Poll for ever. While the endpoint does not answer, what was known is shown, and since when it is old."""
        fresh = time.time()
        while True:
            try:
                events = [f"{each['sequence']} {each['type']} {_name(each['data'])}" for each in self.copy.follow()]
                self.events, fresh, state = (events[::-1] + self.events)[:SHOWN], time.time(), "following"
            except (OSError, ValueError) as error:  # HTTPError is an OSError
                state = f"not up to date since {time.strftime('%H:%M:%S', time.localtime(fresh))}: {error}"
            self.told = json.dumps({"state": state, **self._shown(), "events": self.events})
            time.sleep(POLL_SECONDS)

    def _shown(self):
        known = self.copy.known.values()
        people = [{"name": each["userName"], "active": each["active"]} for each in known if each["userName"]]
        groups = [
            {"name": each["displayName"], "members": len(each["members"])} for each in known if not each["userName"]
        ]
        return {name: sorted(of, key=_name) for name, of in (("people", people), ("groups", groups))}

    def sign_in(self, user_name):
        """Return whether a user may come in, and with which roles: asked at that moment, and by POST."""
        request = urllib.request.Request(
            f"{self.copy.url}/access/.search",
            json.dumps({"userName": user_name}).encode(),
            {"Authorization": f"Bearer {self.copy.token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            return f"no: {json.load(error)['detail']}"
        except OSError as error:  # nobody comes in who cannot be looked up; who is in already stays
            return f"no: the directory does not answer ({error})"
        roles = ", ".join(found["roles"]) or "without a role"
        return f"yes: {found['userName']}, {roles}" if found["active"] else "no: disabled"


def _name(each):
    return each.get("name") or each.get("userName") or each.get("displayName") or each.get("id", "")


def handler(application):
    """Return what answers the browser."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/state":
                self.answer(application.told, "application/json")
            else:
                self.answer(PAGE.read_text(encoding="utf-8"), "text/html; charset=utf-8")

        def do_POST(self):
            name = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1000)).decode(errors="replace")
            self.answer(json.dumps(application.sign_in(name)), "application/json")

        def answer(self, text, media_type):
            content = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler


def main(url, token_file, port="8000", copy_file="copy.json"):
    """Serve on 127.0.0.1 until Ctrl-C."""
    application = Application(LocalCopy(url, Path(token_file).read_text().strip(), Path(copy_file)))
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), handler(application))
    threading.Thread(target=application.follow, daemon=True).start()
    sys.stdout.write(f"\n  Who may come in    http://127.0.0.1:{server.server_port}\n\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])

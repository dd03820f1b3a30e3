"""A server on loopback, which nothing but a test may reach."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Answers as `script` says: (status, headers, pieces of the body), or a function of the path that says so."""

    def __init__(self):
        self.script = (200, {}, [b"{}"])
        self.seen = []
        self.let_go = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
                script = server.script
                status, headers, pieces = script(self.path) if callable(script) else script
                self.send_response_only(status)
                whole = b"".join(each for each in pieces if isinstance(each, bytes))
                for name, value in {"content-length": str(len(whole)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces:
                    if piece is server.let_go:
                        server.let_go.wait(20)
                    else:
                        self.wfile.write(piece)
                        self.wfile.flush()
                self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, *arguments):
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.place = f"127.0.0.1:{self.http.server_port}"

    def close(self):
        self.let_go.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

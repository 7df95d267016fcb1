"""A model server for tests: streams chat completions as OpenAI's API does, and hangs up half-way when told to.

Argument: port. A request to /broken/v1/chat/completions is broken off in the middle of its stream, one to /whole/v1/...
is not.
"""

import json
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = "The train leaves at nine and arrives before noon .".split()


class Model(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.endswith("/chat/completions") or not request.get("stream"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}
        for place, word in enumerate(WORDS):
            if place == len(WORDS) // 2 and self.path.startswith("/broken/"):
                self.hang_up()
                return
            delta = {"content": word + " "} | ({"role": "assistant"} if place == 0 else {})
            self.event(base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self.event(base | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": 42, "completion_tokens": len(WORDS), "total_tokens": 42 + len(WORDS)}
        self.event(base | {"choices": [], "usage": usage})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def event(self, data):
        self.chunk(b"data: " + json.dumps(data).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def hang_up(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model)
print("listening", flush=True)
server.serve_forever()

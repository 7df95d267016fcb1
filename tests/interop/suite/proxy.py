"""A TCP proxy that can be told to misbehave: the network between tailsieve and its backend."""

import socket
import struct
import threading
import time

_LINGER_NONE = struct.pack("ii", 1, 0)


class Proxy:
    """Passes bytes on between whoever connects to `address` and `target`, in one of four ways:

    - `pass`: as they come
    - `cut`: nobody is listening, and what was connected is closed
    - `stall`: connections are taken and stay, and nothing moves on them
    - `reset`: after some bytes from the sender, the connection is reset on both sides
    """

    def __init__(self, target: str):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.mode, self.after = "pass", 0
        # Connections that were ended by `cut` and `reset`.
        self.ended = 0
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"

    def set(self, mode: str, after: int = 0):
        """Behaves so from here on; `after` is how many bytes a connection may carry until it is reset."""
        self.mode, self.after = mode, after
        if mode == "cut":
            self._close_listener()
        elif self._listener is None:
            self._listener = self._listen(self.port)
        if mode in ("cut", "reset"):
            with self._lock:
                pairs = list(self._pairs)
            for pair in pairs:
                self._end(pair, hard=mode == "reset")

    def close(self):
        self.set("cut")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _close_listener(self):
        listener, self._listener = self._listener, None
        if listener is not None:
            # Wakes the thread that accepts.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target, timeout=5)
            except OSError:
                near.close()
                continue
            pair = (near, far)
            far.settimeout(None)
            with self._lock:
                self._pairs.add(pair)
            threading.Thread(target=self._pass, args=(pair, near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(pair, far, near, False), daemon=True).start()

    def _pass(self, pair, source: socket.socket, sink: socket.socket, counted: bool):
        carried = 0
        try:
            while data := source.recv(16 << 10):
                while self.mode == "stall":
                    time.sleep(0.02)
                carried += len(data) if counted else 0
                if self.mode == "reset" and carried > self.after:
                    self._end(pair, hard=True)
                    return
                sink.sendall(data)
        except OSError:
            pass
        self._end(pair, hard=False)

    def _end(self, pair, hard: bool):
        with self._lock:
            if pair not in self._pairs:
                return
            self._pairs.remove(pair)
            self.ended += 1
        for side in pair:
            try:
                if hard:
                    # The reset goes out with the last reference to the socket, which a reading thread holds: wake it.
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
                side.shutdown(socket.SHUT_RD if hard else socket.SHUT_RDWR)
            except OSError:
                pass
            side.close()

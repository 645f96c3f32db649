"""A control endpoint that answers as a test wants."""

import threading

import msgpack
import zmq


class FakeService(threading.Thread):
    """A ROUTER that answers each request as `answer(request)` says; None means silence."""

    def __init__(self, endpoint, answer):
        super().__init__(daemon=True)
        self.requests = []
        self._answer = answer
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(endpoint)
        self._over = threading.Event()

    def run(self):
        while not self._over.is_set():
            if not self._socket.poll(20):
                continue
            *envelope, message = self._socket.recv_multipart()
            request = msgpack.unpackb(message)
            self.requests.append(request)
            reply = self._answer(request)
            if reply is not None:
                raw = reply if isinstance(reply, bytes) else msgpack.packb(reply)
                self._socket.send_multipart([*envelope, raw])

    def stop(self):
        self._over.set()
        self.join()
        self._socket.close()
        self._context.term()

"""A plain socket that speaks SMTP, and what has come of it."""
import socket

import waxwing

PASSWORD = 'correct horse'


def newest(box, user, at_least=1):
    """The newest message of a mailbox, once so many are in it."""
    def look():
        pop = box.pop(f'{user}@example.test', PASSWORD)
        try:
            count = pop.stat()[0]
            return b'\r\n'.join(pop.retr(count)[1]) + b'\r\n' if count >= at_least else None
        finally:
            pop.quit()
    return waxwing.wait_until(look, f'{at_least} messages for {user}')


class Wire:
    """A plain socket that speaks SMTP as badly as the test wants."""

    def __init__(self, box, port='SMTP', source='127.0.0.1'):
        self.socket = socket.create_connection(('127.0.0.1', box.port(port)), timeout=waxwing.DEADLINE, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def __enter__(self):
        self.reply()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        while b'\r\n' not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line.decode()

    def reply(self):
        lines = [self.line()]
        while lines[-1][3:4] == '-':
            lines.append(self.line())
        return '\n'.join(lines)

    def ask(self, line):
        self.send(line + b'\r\n')
        return self.reply()

    def codes(self, count):
        return [int(self.reply()[:3]) for _ in range(count)]

    def closed(self):
        self.socket.settimeout(waxwing.DEADLINE)
        return self.socket.recv(1) == b''

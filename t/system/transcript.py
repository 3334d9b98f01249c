"""Plays transcripts of protocol sessions: see imap/README for the format."""
import re
import socket

from waxwing import DEADLINE

LINE = re.compile(r'^(?:([A-Z]) )?([CS])(\{)?: ?(.*)$')


class Mismatch(AssertionError):
    pass


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile('rb')

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        try:
            line = self.reader.readline()
        except TimeoutError:
            return '(nothing: the server says no more)'
        if not line:
            return '(the server has closed the connection)'
        return line.rstrip(b'\r\n').decode('utf-8', 'surrogateescape')

    def close(self):
        self.reader.close()
        self.socket.close()


class Player:
    """Runs the steps of one file. connect() makes connections, log_in(connection) what comes before step one."""

    def __init__(self, path, connect, log_in):
        self.path, self.connect, self.log_in = path, connect, log_in
        self.connections, self.values = {}, {}
        with open(path, encoding='utf-8') as f:
            self.lines = f.read().splitlines()
        self.raw = 'raw' in self.lines

    def play(self):
        try:
            for number, step in self.steps():
                try:
                    self.run(step)
                except (Mismatch, OSError) as error:
                    raise AssertionError(f'{self.path}:{number}: {error}') from None
        finally:
            for connection in self.connections.values():
                connection.close()

    def steps(self):
        """(line number, [name, side, literal lines or None, text]) with folded lines joined."""
        steps = []
        for number, line in enumerate(self.lines, 1):
            if not line.strip() or line.startswith('#') or line == 'raw':
                continue
            if line.startswith('| ') or line == '|':
                steps[-1][1][2].append(line[2:])
            elif line.startswith(' '):
                steps[-1][1][3] += ' ' + line.strip()
            else:
                match = LINE.match(line)
                if not match:
                    raise AssertionError(f'{self.path}:{number}: cannot read {line!r}')
                name, side, literal, text = match.groups()
                steps.append((number, [name or 'A', side, [] if literal else None, text]))
        return steps

    def connection(self, name):
        if name not in self.connections:
            self.connections[name] = self.connect()
            if not self.raw:
                self.log_in(self.connections[name])
        return self.connections[name]

    def run(self, step):
        name, side, literal, text = step
        connection = self.connection(name)
        text = re.sub(r'\$(\w+)', lambda m: self.values.get(m.group(1), m.group(0)), text)
        if side == 'S':
            self.expect(text, connection.line())
            return
        data = text.encode('utf-8', 'surrogateescape').decode('unicode_escape').encode('latin-1') \
            if '\\x' in text else text.encode()
        if literal is not None:
            body = ''.join(line + '\r\n' for line in literal).encode()
            data += b' {%d+}\r\n%s' % (len(body), body)
        connection.send(data + b'\r\n')

    def expect(self, wanted, got):
        match = re.fullmatch(self.expression(wanted), got, re.S)
        if not match:
            raise Mismatch(f'\n  expected  {wanted}\n  got       {got}')
        self.values.update(match.groupdict())

    @staticmethod
    def expression(wanted):
        forms = {'*': '.*', 'n': r'\d+', 'id': r'[0-9A-Za-z_-]+'}
        out = ''
        for piece in re.split(r'(<(?:\w+=)?(?:\*|n|id)>)', wanted):
            match = re.fullmatch(r'<(?:(\w+)=)?(\*|n|id)>', piece)
            if not match:
                out += re.escape(piece)
            elif match.group(1):
                out += f'(?P<{match.group(1)}>{forms[match.group(2)]})'
            else:
                out += forms[match.group(2)]
        return out

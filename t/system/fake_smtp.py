"""A scripted SMTP server on every loopback address, to see what tcp_smtp_client says.

    server = FakeServer()                    # listens on a free port
    host = server.host(rcpt={'bad': '550 5.1.1 no such user'})
    ...send a message to somebody@[<host.address>]...
    host.messages                            # what arrived: Message tuples

Each host has its own loopback address (127.0.1.x), script and record.
"""
import collections
import itertools
import socket
import ssl
import threading

import waxwing

Message = collections.namedtuple('Message', 'connection mail rcpts data how')


class Host:
    """What one address of the server answers, and what it was told."""

    def __init__(self, address, extensions=('PIPELINING', '8BITMIME', 'SIZE 1000000'), greeting='220 fake ESMTP', mail='250 ok',
                 rcpt=None, data='354 go', end='250 2.0.0 taken', tls=None, close_after=None, name='fake',
                 waits=False, vrfy=None, greylists=False, auth='235 welcome',
                 slow=False):
        self.address, self.extensions, self.greeting, self.mail = address, extensions, greeting, mail
        self.rcpt, self.data, self.end, self.tls, self.close_after = rcpt or {}, data, end, tls, close_after
        self.name, self.vrfy, self.auth = name, vrfy or {}, auth
        self.greylists, self.known = greylists, set()  # who comes for the first time shall come again
        self.may_greet = threading.Event()  # who waits greets nobody before go_on()
        if not waits:
            self.may_greet.set()
        self.answers = threading.Semaphore(0) if slow else None  # who is slow gives one answer for each release()
        self.messages, self.connections, self.commands, self.peers = [], 0, [], []
        self.together = []       # commands with others behind them, where PIPELINING is offered
        self.early = []          # commands that came before the answer to the one before, without PIPELINING
        self.changed = threading.Condition()

    def wait(self, condition, what, deadline=waxwing.DEADLINE):
        with self.changed:
            if not self.changed.wait_for(condition, deadline):
                raise AssertionError(f'waited {deadline} s in vain for {what}; commands: {self.commands}')

    def go_on(self):
        self.may_greet.set()

    def wait_messages(self, count, deadline=waxwing.DEADLINE):
        self.wait(lambda: len(self.messages) >= count, f'{count} messages', deadline)
        return self.messages

    def note(self, change):
        with self.changed:
            change()
            self.changed.notify_all()


class FakeServer:
    def __init__(self, listener=None):
        self.socket = listener or socket.create_server(('0.0.0.0', 0), backlog=50)
        self.port = self.socket.getsockname()[1]
        self.hosts, self.numbers = {}, itertools.count(1)
        threading.Thread(target=self.accept, daemon=True).start()

    def host(self, address=None, **script):
        host = Host(address or f'127.0.1.{next(self.numbers)}', **script)
        self.hosts[host.address] = host
        return host

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            host = self.hosts.get(connection.getsockname()[0])
            if host:
                threading.Thread(target=Talk(host, connection).run, daemon=True).start()
            else:
                connection.close()

    def close(self):
        self.socket.close()


class Talk:
    """One connection."""

    def __init__(self, host, connection):
        self.host, self.socket, self.buffer, self.secure = host, connection, b'', False

    def run(self):
        try:
            self.socket.settimeout(60)
            self.host.note(lambda: setattr(self.host, 'connections', self.host.connections + 1))
            self.number = self.host.connections
            self.host.peers.append(self.socket.getpeername()[0])
            self.host.may_greet.wait(2 * waxwing.DEADLINE)
            self.say(self.host.greeting)
            while self.command(self.line()):
                pass
        except (OSError, EOFError):
            pass
        finally:
            self.socket.close()

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def line(self):
        while b'\r\n' not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line.decode('utf-8', 'surrogateescape')

    def say(self, text):
        if self.host.answers:
            self.host.answers.acquire(timeout=2 * waxwing.DEADLINE)
        lines = text.split('\n')
        code = lines[0][:3]
        out = [f'{code}-{line}' for line in [lines[0][4:]] + lines[1:]]
        out[-1] = code + ' ' + out[-1][4:]
        self.socket.sendall(('\r\n'.join(out) + '\r\n').encode())

    def command(self, line):
        host, verb = self.host, line.split(' ')[0].split(':')[0].upper()
        host.note(lambda: host.commands.append(line))
        if self.buffer and 'PIPELINING' not in host.extensions and verb != 'BDAT':
            host.note(lambda: host.early.append(line))
        elif self.buffer and verb != 'BDAT':
            host.note(lambda: host.together.append(line))
        if verb == 'EHLO':
            offered = list(host.extensions) + (['STARTTLS'] if host.tls and not self.secure else [])
            self.say('\n'.join([f'250 {host.name} greets you'] + offered))
        elif verb == 'STARTTLS':
            self.starttls()
        elif verb == 'AUTH':
            if line.upper() == 'AUTH LOGIN':
                for prompt in ('334 VXNlcm5hbWU6', '334 UGFzc3dvcmQ6'):
                    self.say(prompt)
                    word = self.line()
                    host.note(lambda: host.commands.append(word))
            self.say(host.auth)
        elif verb == 'MAIL':
            self.mail, self.rcpts, self.chunks = line if host.mail.startswith('2') else None, [], b''
            self.say(host.mail)
        elif verb == 'RCPT':
            self.rcpt_to(line)
        elif verb == 'DATA':
            return self.take_data()
        elif verb == 'BDAT':
            return self.take_chunk(line)
        elif verb == 'VRFY':
            self.say(host.vrfy.get(line.split(' ')[1], '252 perhaps'))
        elif verb == 'QUIT':
            self.say('221 bye')
            return False
        else:
            self.say('250 ok')
        return True

    def starttls(self):
        self.say('220 go')
        if self.host.tls == 'broken':
            self.socket.sendall(b'this is no TLS\r\n')
            raise EOFError
        self.socket = self.host.tls.wrap_socket(self.socket, server_side=True)
        self.buffer, self.secure = b'', True

    def rcpt_to(self, line):
        local = line[line.index('<') + 1:].split('@')[0]
        answer = self.host.rcpt.get(local, '250 ok') if self.mail else '503 MAIL first'
        triplet = (self.socket.getpeername()[0], (self.mail or '').split('>')[0], line.split('>')[0])
        if self.host.greylists and triplet not in self.host.known:
            self.host.known.add(triplet)
            answer = '451 4.7.1 greylisted, come again'
        if answer.startswith('2'):
            self.rcpts.append(line)
        self.say(answer)

    def take_data(self):
        if not self.rcpts:
            self.say('554 no recipients')
            return True
        self.say(self.host.data)
        if not self.host.data.startswith('354'):
            return True
        while b'\r\n.\r\n' not in b'\r\n' + self.buffer:
            self.more()
        body, _, self.buffer = (b'\r\n' + self.buffer).partition(b'\r\n.\r\n')
        body = (body[2:] + b'\r\n').replace(b'\r\n..', b'\r\n.')
        return self.finish(body[1:] if body.startswith(b'..') else body, 'DATA')

    def take_chunk(self, line):
        words = line.split()
        size = int(words[1])
        while len(self.buffer) < size:
            self.more()
        self.chunks, self.buffer = self.chunks + self.buffer[:size], self.buffer[size:]
        if words[-1].upper() != 'LAST':
            self.say('250 more')
            return True
        return self.finish(self.chunks, 'BDAT')

    def finish(self, data, how):
        host = self.host
        message = Message(self.number, self.mail, self.rcpts, data, how + ('+TLS' if self.secure else ''))
        if host.end.startswith('2'):
            host.note(lambda: host.messages.append(message))
        self.say(host.end)
        return host.close_after is None or len(host.messages) < host.close_after


def tls_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context

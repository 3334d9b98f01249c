"""imapd with real daemons: transcripts, Python's imaplib, large messages, two sessions at a time."""
import glob
import imaplib
import os
import re
import socket
import ssl
import threading
import time
import unittest

import transcript
import waxwing

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'imap')
PASSWORD = 'secret'
QUOTA = {'quota': ('--quota', str(100 * 1024), '--message-quota', '3')}


def setUpModule():
    waxwing.start_shared()


class Transcripts(waxwing.TestCase):
    """One test a file of imap/*.txt."""

    def play(self, path):
        user = os.path.basename(path)[:-len('.txt')]
        self.box.user(user, PASSWORD, *QUOTA.get(user, ()))

        def connect():
            return transcript.Connection(self.box.port('IMAP'))

        def log_in(connection):
            greeting = connection.line()
            self.assertTrue(greeting.startswith('* OK '), greeting)
            connection.send(f'login LOGIN {user} {PASSWORD}\r\n'.encode())
            answer = connection.line()
            self.assertTrue(answer.startswith('login OK '), answer)

        transcript.Player(path, connect, log_in).play()


def add_transcripts():
    for path in sorted(glob.glob(os.path.join(FOLDER, '*.txt'))):
        name = os.path.basename(path)[:-len('.txt')]
        setattr(Transcripts, 'test_' + name, lambda self, path=path: self.play(path))


add_transcripts()


def message(subject, size=100):
    line = b'0123456789abcdef' * 4 + b'\r\n'
    body = line * (size // len(line) + 1)
    return b'Subject: ' + subject.encode() + b'\r\nFrom: joe@example.test\r\n\r\n' + body


class Clients(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        waxwing._shared.user('client', PASSWORD)

    def client(self, **more):
        client = self.box.imap('client', PASSWORD, **more)
        self.addCleanup(self.leave, client)
        return client

    @staticmethod
    def leave(client):
        try:
            client.logout()
        except (OSError, imaplib.IMAP4.error):
            pass

    def test_imaplib_over_tls_and_in_clear(self):
        for tls in (True, False):
            client = self.client(tls=tls)
            name = f'lib{tls}'
            self.assertEqual(client.create(name)[0], 'OK')
            for n in range(3):
                self.assertEqual(client.append(name, r'(\Seen)', None, message(f'm{n}'))[0], 'OK')
            self.assertEqual(client.select(name)[1], [b'3'])
            status, data = client.uid('FETCH', '1:*', '(FLAGS BODY.PEEK[])')
            bodies = [part[1] for part in data if isinstance(part, tuple)]
            self.assertEqual(bodies, [message(f'm{n}') for n in range(3)])
            self.assertEqual(client.search(None, 'SUBJECT', 'm1')[1], [b'2'])
            self.assertEqual(client.store('1:2', '+FLAGS', r'(\Deleted)')[0], 'OK')
            self.assertEqual(client.expunge()[1], [b'2', b'1'])
            client.close()

    def test_starttls_drops_what_was_sent_before_it(self):
        with socket.create_connection(('127.0.0.1', self.box.port('IMAP')), timeout=waxwing.DEADLINE) as plain:
            plain.recv(4096)
            plain.sendall(b'a STARTTLS\r\nb NOOP\r\n')
            self.assertTrue(plain.recv(4096).startswith(b'a OK'))
            with self.box.tls().wrap_socket(plain, server_hostname='localhost') as secured:
                secured.sendall(b'c CAPABILITY\r\n')
                answer = secured.recv(4096)
        self.assertTrue(answer.startswith(b'* CAPABILITY'), answer)
        self.assertNotIn(b'STARTTLS', answer)
        self.assertNotIn(b'b OK', answer)

    def memory_kib(self):
        with open(f'/proc/{self.box.pid("imapd")}/status') as f:
            return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1))

    @unittest.skipIf(waxwing.SANITIZED, 'it measures memory')
    def test_a_large_message_passes_in_little_memory(self):
        client = self.client()
        client.create('large')
        big = message('large', 40 << 20)
        before = self.memory_kib()
        self.assertEqual(client.append('large', None, None, big)[0], 'OK')
        client.select('large')
        status, data = client.fetch('1', '(BODY.PEEK[])')
        self.assertTrue(data[0][1] == big, 'the message has come back different')
        self.assertLess(self.memory_kib() - before, 16 << 10)

    @unittest.skipIf(waxwing.SANITIZED, 'it measures memory')
    def test_a_client_that_does_not_read_costs_little_memory(self):
        client = self.client()
        client.create('slow')
        client.append('slow', None, None, message('slow', 20 << 20))
        before = self.memory_kib()
        with socket.create_connection(('127.0.0.1', self.box.port('IMAP')), timeout=waxwing.DEADLINE) as slow:
            slow.sendall(b'a LOGIN client secret\r\nb SELECT slow\r\n' + b'c FETCH 1 BODY.PEEK[]\r\n' * 50)
            # Another session still gets its answers.
            for _ in range(50):
                self.assertEqual(client.noop()[0], 'OK')
            self.assertLess(self.memory_kib() - before, 16 << 10)

    def test_who_never_reads_the_answers_is_not_listened_to(self):
        other = self.client()
        flood = b'a CAPABILITY\r\n' * 4096
        most = 32 << 20  # the kernel holds some megabytes of either direction
        with socket.create_connection(('127.0.0.1', self.box.port('IMAPS')), timeout=waxwing.DEADLINE) as plain, \
                self.box.tls().wrap_socket(plain, server_hostname='127.0.0.1') as deaf:
            deaf.recv(4096)
            deaf.setblocking(False)
            sent = unheard = 0
            while unheard < 20 and sent < most:
                try:
                    sent += deaf.send(flood)
                    unheard = 0
                except ssl.SSLWantWriteError:
                    unheard += 1
                    for _ in range(10):
                        self.assertEqual(other.noop()[0], 'OK')
        self.assertLess(sent, most)

    def test_many_messages_are_fetched_in_order(self):
        client = self.client()
        client.create('many')
        for n in range(300):
            client.append('many', None, None, message(f'n{n}'))
        client.select('many')
        status, data = client.fetch('1:*', '(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        subjects = [part[1].strip() for part in data if isinstance(part, tuple)]
        self.assertEqual(subjects, [b'Subject: n%d' % n for n in range(300)])

    def test_small_and_large_messages_are_fetched_together(self):
        client = self.client()
        client.create('mixed')
        sizes = [100, 70_000, 200, 200_000, 300, 400_000] + [60_000] * 12 + [100] * 20
        texts = [message(f'mixed {n}', size) for n, size in enumerate(sizes)]
        for text in texts:
            client.append('mixed', None, None, text)
        client.select('mixed')
        for items in ('BODY.PEEK[]', 'FLAGS BODY.PEEK[HEADER] BODY.PEEK[TEXT]', 'UID ENVELOPE BODY.PEEK[]'):
            status, data = client.fetch('1:*', f'({items})')
            self.assertEqual(status, 'OK')
            got = [part[1] for part in data if isinstance(part, tuple)]
            if 'HEADER' in items:
                got = [a + b for a, b in zip(got[::2], got[1::2])]
            self.assertEqual(len(got), len(texts))
            self.assertTrue(got == texts, items)
        self.assertEqual(client.fetch('5', '(BODY[TEXT])')[0], 'OK')
        self.assertEqual(client.search(None, 'SEEN')[1], [b'5'])

    def test_one_message_cannot_be_asked_for_without_bound(self):
        client = self.client()
        client.create('header')
        client.append('header', None, None, b'X-Long: ' + b'x' * 300_000 + b'\r\n\r\nbody\r\n')
        client.append('header', None, None, b'X: y\r\n\r\nbody\r\n')
        client.select('header')
        items = ' '.join(['BODY.PEEK[HEADER.FIELDS.NOT (A)]'] * 100)
        status, data = client.fetch('1', f'({items})')
        self.assertEqual(status, 'NO')
        self.assertIn(b'[LIMIT]', data[0])
        self.assertEqual(client.fetch('2', f'({items})')[0], 'OK')

    def test_nul_goes_in_and_out_as_binary_only(self):
        client = self.client()
        client.create('nul')
        text = b'Subject: nul\r\nContent-Type: application/octet-stream\r\n\r\na\0b\r\n'
        for size, literal in ((len(text), b'{%d+}'), (len(text), b'~{%d+}')):
            client.send(b'n APPEND nul ' + literal % size + b'\r\n' + text + b'\r\n')
            answer = client.readline()
            self.assertTrue(answer.startswith(b'n NO' if literal.startswith(b'{') else b'n OK'), answer)
        client.select('nul')
        whole = client.fetch('1', '(BODY.PEEK[])')[1][0][1]
        self.assertEqual(whole, text.replace(b'\0', b'\x80'))
        client.send(b'm FETCH 1 BINARY.PEEK[1]\r\n')
        self.assertEqual(client.readline(), b'* 1 FETCH (BINARY[1] ~{5}\r\n')
        self.assertEqual(client.read(5), b'a\0b\r\n')
        self.assertEqual((client.readline(), client.readline()[:4]), (b')\r\n', b'm OK'))

    def test_idle_is_told_within_milliseconds(self):
        watcher, writer = self.client(tls=False), self.client(tls=False)
        writer.create('quick')
        watcher.select('quick')
        watcher.send(b'i IDLE\r\n')
        self.assertTrue(watcher.readline().startswith(b'+'))
        delays = []
        for n in range(1, 6):
            seen = []

            def watch():
                while not seen or b'EXISTS' not in seen[-1][0]:
                    line = watcher.readline()
                    seen.append((line, time.monotonic()))
            thread = threading.Thread(target=watch)
            thread.start()
            writer.append('quick', None, None, message('quick'))
            done = time.monotonic()
            thread.join(waxwing.DEADLINE)
            self.assertIn(b'* %d EXISTS' % n, seen[-1][0])
            delays.append(seen[-1][1] - done)
        print('IDLE was told after the APPEND was answered by, in ms:', [round(d * 1000, 2) for d in delays])
        watcher.send(b'DONE\r\n')

    def test_a_long_search_keeps_nobody_waiting(self):
        client = self.client(tls=False)
        client.create('long')
        crowd = b'To: ' + b'a@b.test,' * 12000 + b'\r\n\r\n'
        for _ in range(40):
            self.assertEqual(client.append('long', None, None, crowd)[0], 'OK')
        client.select('long')
        others = [self.client(tls=False) for _ in range(2 * (os.cpu_count() or 1))]
        keys = b' '.join(b'NOT TO nobody%d' % n for n in range(900))
        client.send(b's SEARCH ' + keys + b'\r\n')
        for other in others:
            self.assertEqual(other.noop()[0], 'OK')
        client.sock.settimeout(0)
        with self.assertRaises(BlockingIOError, msg='the search was over before the others were heard'):
            client.sock.recv(1)
        client.sock.settimeout(waxwing.DEADLINE)
        self.assertEqual(client.readline().split(), [b'*', b'SEARCH'] + [b'%d' % n for n in range(1, 41)])
        self.assertTrue(client.readline().startswith(b's OK'))

    def test_patterns_of_list_are_bounded(self):
        client = self.client(tls=False)
        for command in (b'LIST "" "%s"', b'LSUB "" "%s"', b'LIST "" ("a" "%s")'):
            client.send(b'p ' + command % (b'*a' * 20000) + b'\r\n')
            self.assertRegex(client.readline(), b'^p (NO|BAD) .*too long')
            client.send(b'p ' + command % (b'*a' * 1000) + b'\r\n')
            self.assertTrue(client.readline().startswith(b'p OK'))

    def test_hostile_bytes_do_not_end_the_server(self):
        pid = self.box.pid('imapd')
        for attack in (b'\0' * 5000, b'a' * 100000 + b'\r\n', b'a LOGIN {999999999999999999999}\r\n', b'{' * 9000 + b'\r\n',
                       b'a LOGIN "' + b'\\' * 7000 + b'\r\n', b'a AUTHENTICATE PLAIN ' + b'A' * 8000 + b'\r\n',
                       b'\xff\xfe\r\n' * 100, b'a LOGIN {4294967296+}\r\n', b'GET / HTTP/1.1\r\n\r\n' * 20):
            with socket.create_connection(('127.0.0.1', self.box.port('IMAP')), timeout=waxwing.DEADLINE) as s:
                s.recv(4096)
                try:
                    s.sendall(attack)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except ConnectionError:
                    pass
                except TimeoutError:
                    self.fail(f'no end after {attack[:40]!r}')
        self.assertEqual(self.client().noop()[0], 'OK')
        self.assertEqual(self.box.pid('imapd'), pid)

    def test_failed_logins_end_the_session(self):
        connection = transcript.Connection(self.box.port('IMAP'))
        self.addCleanup(connection.close)
        connection.line()
        for n in range(5):
            connection.send(b'a LOGIN client wrong\r\n')
            answer = connection.line()
        self.assertTrue(answer.startswith('* BYE'), answer)


class ComingAndGoing(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        waxwing._shared.user('going', PASSWORD)

    def test_shutdown_says_bye_also_to_idlers(self):
        idler = transcript.Connection(self.box.port('IMAP'))
        self.addCleanup(idler.close)
        idler.line()
        idler.send(b'a LOGIN going secret\r\nb IDLE\r\n')
        idler.line()
        self.assertTrue(idler.line().startswith('+'))
        self.box.stop('imapd')
        lines = [idler.line()]
        while not lines[-1].startswith('('):
            lines.append(idler.line())
        self.assertTrue(any(line.startswith('* BYE') for line in lines), lines)
        self.box.start('imapd')
        self.assertEqual(self.box.imap('going', PASSWORD).noop()[0], 'OK')

    def test_answered_messages_survive_a_kill(self):
        client = self.box.imap('going', PASSWORD)
        for n in range(5):
            self.assertEqual(client.append('INBOX', None, None, message(f'kept{n}'))[0], 'OK')
        pid = self.box.kill('imapd')
        self.box.wait_running('imapd', other_than=pid)
        client = self.box.imap('going', PASSWORD)
        client.select()
        for n in range(5):
            self.assertEqual(len(client.search(None, 'SUBJECT', f'kept{n}')[1][0].split()), 1)

    def with_options(self, **options):
        """imapd restarted with imap.* options, put back at the end of the test."""
        for name, value in options.items():
            self.box.set_option(f'imap.{name}', str(value))
        self.addCleanup(self.box.restart, 'imapd')
        for name, default in {'logintimeout': 60, 'maxsessions': 20000, 'maxmessagesize': 104857600}.items():
            if name in options:
                self.addCleanup(self.box.set_option, f'imap.{name}', str(default))
        self.box.restart('imapd')

    def connection(self):
        connection = transcript.Connection(self.box.port('IMAP'))
        self.addCleanup(connection.close)
        return connection

    def test_limits_of_time_sessions_and_size(self):
        self.with_options(logintimeout=1, maxsessions=2, maxmessagesize=1000)
        slow = self.connection()
        self.assertTrue(slow.line().startswith('* OK'))
        self.assertEqual(slow.line(), '* BYE Login took too long')
        self.assertTrue(slow.line().startswith('(the server has closed'))
        with socket.create_connection(('127.0.0.1', self.box.port('IMAP')), timeout=0.1) as dripping:
            heard = b''
            for _ in range(100):  # a byte now and then does not keep a session
                dripping.sendall(b'x')
                try:
                    heard += dripping.recv(4096)
                except TimeoutError:
                    continue
                if b'BYE' in heard:
                    break
            self.assertIn(b'* BYE Login took too long', heard)
        first, second = self.connection(), self.connection()
        for connection in first, second:
            self.assertTrue(connection.line().startswith('* OK'))
            connection.send(b'a LOGIN going secret\r\n')
            self.assertIn('APPENDLIMIT=1000', connection.line())
        third = self.connection()
        self.assertTrue(third.line().startswith('* BYE [UNAVAILABLE]'))
        first.send(b'b APPEND INBOX {1001}\r\n')
        self.assertTrue(first.line().startswith('b NO [TOOBIG]'))

    def test_logins_wait_for_the_directory_and_sessions_do_not(self):
        self.box.user('unheard', PASSWORD)
        open_session = self.box.imap('going', PASSWORD)
        open_session.select()
        self.box.stop('directory')
        self.addCleanup(self.box.start, 'directory')
        self.assertEqual(open_session.noop()[0], 'OK')
        self.assertEqual(open_session.append('INBOX', None, None, message('still'))[0], 'OK')
        with self.assertRaisesRegex(imaplib.IMAP4.error, 'UNAVAILABLE'):
            self.box.imap('unheard', PASSWORD)
        self.box.start('directory')
        waxwing.wait_until(lambda: self.logs_in('unheard'), 'a login after the directory came back')

    def logs_in(self, user):
        try:
            self.box.imap(user, PASSWORD).logout()
        except imaplib.IMAP4.error as refused:
            self.assertIn('UNAVAILABLE', str(refused))
            return False
        return True


if __name__ == '__main__':
    waxwing.main()

#!/usr/bin/env python3
"""SMTP as a server (dispatcher, smtpd) and as a client (tcp_smtp_client), byte by byte where it matters."""
import contextlib
import os
import re
import signal
import smtplib
import socket
import ssl
import unittest

import fake_dns
import fake_smtp
import waxwing

PASSWORD = 'correct horse'
MESSAGE = (b'From: outside@remote.test\r\nTo: joe@example.test\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 05:00:00 +0000\r\n'
           b'Message-ID: <x@remote.test>\r\n\r\nline\r\n..dot\r\n.\r\n')
fake = None


def setUpModule():
    global fake
    fake = fake_smtp.FakeServer()
    unittest.addModuleCleanup(fake.close)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')  # what arrives is read by POP3
    box.set_option('smtp.client.port', fake.port)
    names = fake_dns.FakeDns({'9.0.0.127.list.example.org': {'A': ['127.0.0.2'], 'TXT': ['seen sending junk']},
                              '10.0.0.127.list.example.org': {'A': ['192.0.2.1']}, '10.0.0.127.broken.example.org': 'SERVFAIL'})
    unittest.addModuleCleanup(names.close)
    box.set_option('dns.server', names.address)
    box.start()
    for name in ('joe', 'ann', 'bob', 'cora', 'dan', 'eve'):
        box.user(name, PASSWORD)


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


class Server(waxwing.TestCase):
    def wire(self, port='SMTP'):
        return Wire(self.box, port)

    def test_a_session_one_byte_at_a_time_and_all_at_once(self):
        script = (b'EHLO c.test\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n'
                  + MESSAGE % b'pieces' + b'RSET\r\nMAIL FROM:<> SIZE=10\r\nRCPT TO:<nobody@example.test>\r\n'
                  b'DATA\r\nNOOP\r\nNONSENSE\r\nQUIT\r\n')
        expected = [250, 250, 250, 354, 250, 250, 250, 550, 554, 250, 500, 221]
        with self.wire() as wire:
            wire.send(script)
            self.assertEqual(wire.codes(len(expected)), expected)
            self.assertTrue(wire.closed())
        with self.wire() as wire:
            for i in range(len(script)):
                wire.send(script[i:i + 1])
            self.assertEqual(wire.codes(len(expected)), expected)
        self.assertTrue(newest(self.box, 'ann', 2).endswith(b'Subject: pieces\r\nDate: Sun, 22 Nov 2026 05:00:00 +0000\r\n'
                                                    b'Message-ID: <x@remote.test>\r\n\r\nline\r\n.dot\r\n'))

    def test_every_extension_is_told_to_who_says_ehlo(self):
        with self.wire() as wire:
            lines = wire.ask(b'EHLO c.test').split('\n')
            self.assertEqual(sorted(line[4:].split()[0] for line in lines[1:]), sorted(
                ['PIPELINING', 'SIZE', '8BITMIME', 'SMTPUTF8', 'DSN', 'ENHANCEDSTATUSCODES', 'CHUNKING', 'BINARYMIME', 'STARTTLS',
                 'AUTH', 'LIMITS', 'HELP']))
            self.assertRegex(lines[-1], '^250 ')
            self.assertEqual(wire.ask(b'HELO c.test').count('\n'), 0)

    def test_replies_to_a_pipelined_batch_leave_together(self):
        with self.wire() as wire:
            wire.ask(b'EHLO c.test')
            wire.send(b'NOOP\r\n' * 20)
            self.assertEqual(wire.codes(20), [250] * 20)

    def test_smuggling(self):
        """Only CRLF.CRLF ends a message; what hides behind another ending is not taken as commands."""
        hidden = b'MAIL FROM:<evil@remote.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n'
        for ending in (b'\n.\n', b'\r\n.\n', b'\n.\r\n', b'\r.\r', b'\r\n.\r', b'\r.\r\n', b'\n\n.\n', b'\r\r\n.\r\r\n', b'\0\r\n.\0\r\n'):
            with self.subTest(ending=ending), self.wire() as wire:
                for line in (b'EHLO c.test', b'MAIL FROM:<a@remote.test>', b'RCPT TO:<bob@example.test>'):
                    self.assertEqual(wire.ask(line)[:3], '250')
                self.assertEqual(wire.ask(b'DATA')[:3], '354')
                wire.send(b'Subject: outer\r\n\r\ntext' + ending + hidden)
                wire.send(b'\r\n.\r\nNOOP\r\n')
                first = wire.reply()
                if b'\0' in ending:
                    self.assertIn(first[:3], ('250', '554'))
                else:
                    self.assertEqual(first[:9], '554 5.6.0')
                self.assertEqual(wire.ask(b'QUIT')[:3], '250')  # the answer to NOOP: exactly one reply came for the message
                self.assertEqual(wire.reply()[:3], '221')

    def test_bare_line_ends_in_commands(self):
        with self.wire() as wire:
            self.assertEqual(wire.ask(b'EHLO c.test\nMAIL FROM:<a@remote.test>')[:3], '500')
            self.assertEqual(wire.ask(b'EHLO c.test')[:3], '250')
            self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>\rRCPT TO:<bob@example.test>')[:3], '500')
            self.assertEqual(wire.ask(b'RCPT TO:<bob@example.test>')[:3], '503')

    def test_order_and_syntax(self):
        with self.wire() as wire:
            for line, code in ((b'MAIL FROM:<a@remote.test>', '503'), (b'EHLO', '501'), (b'EHLO c.test', '250'), (b'RCPT TO:<a@b>', '503'),
                               (b'DATA', '503'), (b'MAIL FROM:a@remote.test', '501'), (b'MAIL FROM:<a@remote.test> FOO=1', '555'),
                               (b'MAIL FROM:<a@remote.test> SIZE=99999999999', '552'), (b'MAIL FROM:<a@remote.test>', '250'),
                               (b'MAIL FROM:<b@remote.test>', '503'), (b'RCPT TO:<>', '501'), (b'DATA', '554'),
                               (b'X' * 3000, '500'), (b'Y' * 50000, '500'), (b'VRFY joe@example.test', '250'), (b'EXPN staff', '502'),
                               (b'HELP', '214'), (b'RSET now', '501'), (b'ETRN x', '502'), (b'', '500')):
                with self.subTest(line=line[:60]):
                    self.assertEqual(wire.ask(line)[:3], code)

    def test_a_web_page_cannot_send_mail(self):
        with self.wire() as wire:
            wire.send(b'POST / HTTP/1.1\r\nHost: localhost:25\r\nContent-Length: 99\r\n\r\n'
                      b'EHLO x\r\nMAIL FROM:<a@remote.test>\r\nRCPT TO:<joe@example.test>\r\nDATA\r\n')
            self.assertEqual(wire.codes(1), [421])
            self.assertTrue(wire.closed())

    def test_too_many_errors_end_the_session(self):
        with self.wire() as wire:
            answers = [wire.ask(b'FOO')[:3] for _ in range(50)]
            self.assertEqual(answers, ['500'] * 49 + ['421'])
            self.assertTrue(wire.closed())

    def test_starttls_discards_what_came_before(self):
        with self.wire() as wire:
            self.assertIn('STARTTLS', wire.ask(b'EHLO c.test'))
            wire.send(b'STARTTLS\r\nMAIL FROM:<evil@remote.test>\r\n')
            self.assertEqual(wire.reply()[:3], '220')
            wire.socket = ssl._create_unverified_context().wrap_socket(wire.socket)
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')
            self.assertEqual(wire.ask(b'RCPT TO:<bob@example.test>')[:3], '503')
            answer = wire.ask(b'EHLO c.test')
            self.assertNotIn('STARTTLS', answer)
            self.assertEqual(wire.ask(b'STARTTLS')[:3], '503')

    def test_submission_needs_authentication(self):
        with self.wire('SUBMIT') as wire:
            wire.ask(b'EHLO c.test')
            self.assertEqual(wire.ask(b'MAIL FROM:<joe@example.test>')[:3], '530')
        client = self.box.smtp('SUBMIT')
        client.starttls(context=self.box.tls())
        client.ehlo()
        with self.assertRaises(smtplib.SMTPAuthenticationError) as wrong:
            client.login('joe@example.test', 'wrong')
        self.assertEqual(wrong.exception.smtp_code, 535)
        client.login('joe@example.test', PASSWORD)
        client.quit()

    def test_bad_passwords_end_the_session(self):
        with self.box.smtp('SUBMIT') as client:
            client.starttls(context=self.box.tls())
            client.ehlo()
            codes = [client.docmd('AUTH', 'PLAIN AGpvZQB3cm9uZw==')[0] for _ in range(5)]
            self.assertEqual(codes, [535] * 4 + [421])

    def test_submissions_on_the_tls_port(self):
        client = smtplib.SMTP_SSL('127.0.0.1', self.box.port('SUBMITS'), context=self.box.tls(), timeout=waxwing.DEADLINE)
        client.login('joe@example.test', PASSWORD)
        client.sendmail('joe@example.test', ['cora@example.test'], b'Subject: tls first\r\nBcc: secret@example.test\r\n\r\nx\r\n')
        client.quit()
        text = newest(self.box, 'cora')
        self.assertNotIn(b'secret', text)
        for field in (rb'^From: joe@example\.test\r$', rb'^Date: ', rb'^Message-ID: <', rb'^\s+via TCP with ESMTPSA id ', rb'TLSv1'):
            self.assertRegex(text, re.compile(field, re.M))

    def test_chunks(self):
        body = b'Subject: chunks\r\n\r\n' + b'.\r\n..\r\n' + bytes(range(1, 10)) + b'\xff\r\nlast'
        with self.wire() as wire:
            self.assertIn('CHUNKING', wire.ask(b'EHLO c.test'))
            wire.ask(b'MAIL FROM:<a@remote.test> BODY=8BITMIME')
            wire.ask(b'RCPT TO:<dan@example.test>')
            for i in range(0, len(body), 7):
                piece = body[i:i + 7]
                wire.send(b'BDAT %d\r\n' % len(piece) + piece)
                self.assertEqual(wire.reply()[:3], '250')
            self.assertEqual(wire.ask(b'MAIL FROM:<b@remote.test>')[:3], '503')
            self.assertEqual(wire.ask(b'BDAT 0 LAST')[:3], '250')
            wire.send(b'BDAT 6\r\nQUIT\r\nNOOP\r\n')  # out of order: swallowed, not obeyed
            self.assertEqual(wire.codes(2), [503, 250])
        self.assertTrue(newest(self.box, 'dan').endswith(body + b'\r\n'))

    def test_bare_line_ends_in_chunks_are_refused(self):
        with self.wire() as wire:
            wire.ask(b'EHLO c.test')
            wire.ask(b'MAIL FROM:<a@remote.test>')
            wire.ask(b'RCPT TO:<dan@example.test>')
            wire.send(b'BDAT 4\r\na\r\n\r')
            wire.send(b'BDAT 4 LAST\r\nx\r\n\n')
            self.assertEqual(wire.codes(2)[1], 554)
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def test_an_endless_chunk_is_not_listened_to_for_ever(self):
        with self.wire() as wire:
            wire.ask(b'EHLO c.test')
            wire.ask(b'MAIL FROM:<a@remote.test>')
            wire.ask(b'RCPT TO:<dan@example.test>')
            wire.send(b'BDAT 999999999999\r\nbare\n')
            with self.assertRaises(ConnectionError):
                for _ in range(200):
                    wire.send(b'x' * (1 << 20))

    def test_loops_are_stopped(self):
        received = b''.join(b'Received: from a by b with SMTP id %d; Sun, 22 Nov 2026 05:00:00 +0000\r\n' % i for i in range(101))
        with self.box.smtp() as client:
            with self.assertRaises(smtplib.SMTPDataError) as refused:
                client.sendmail('a@remote.test', ['joe@example.test'], received + b'\r\nx\r\n')
        self.assertEqual(refused.exception.smtp_code, 554)

    def test_what_has_been_here_often_is_held(self):
        received = b''.join(b'Received: from a by mail.example.test with SMTP id %d; Sun, 22 Nov 2026 05:00:00 +0000\r\n' % i for i in range(10))
        log = self.box.log('smtpd')
        with self.box.smtp() as client:
            client.sendmail('a@remote.test', ['joe@example.test'], received + b'Subject: round\r\n\r\nx\r\n')
        line = log.wait(r'mta\.enqueue .*held="10 Received fields of this host')
        self.box.command('imsimta', 'qm', 'delete', re.search(r'qid=(\S+)', line)[1])

    def test_a_header_without_end_is_refused(self):
        with self.wire() as wire:
            for line in (b'EHLO c.test', b'MAIL FROM:<a@remote.test>', b'RCPT TO:<joe@example.test>', b'DATA'):
                wire.ask(line)
            wire.send((b'X-Long: ' + b'y' * 900 + b'\r\n') * 2400)  # twice what smtp.maxheadersize allows
            self.assertEqual(wire.ask(b'\r\nbody\r\n.')[:9], '552 5.3.4')
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def test_relaying_is_for_inner_networks_only(self):
        for source, code in (('127.0.0.8', '550'), ('127.0.0.1', '250')):
            with self.subTest(source=source), Wire(self.box, source=source) as wire:
                for line in (b'EHLO c.test', b'MAIL FROM:<a@remote.test>', b'RCPT TO:<joe@example.test>'):
                    self.assertEqual(wire.ask(line)[:3], '250')
                self.assertEqual(wire.ask(b'RCPT TO:<a@elsewhere.test>')[:3], code)
                self.assertEqual(wire.ask(b'RCPT TO:<a%elsewhere.test@example.test>')[:3], '550')

    def test_recipient_limit(self):
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.test')
            codes = [client.rcpt('joe@example.test')[0] for _ in range(129)]
        self.assertEqual(codes, [250] * 128 + [452])


class Life(waxwing.TestCase):
    """Workers and the dispatcher come and go; what was begun is finished."""

    def worker(self, service):
        """Pid of a worker of the service, from the dispatcher's log."""
        with open(os.path.join(self.box.root, 'log', 'dispatcher.log')) as log:
            text = log.read()
        pids = re.findall(rf'dispatcher\.worker\.started service={service} pid=(\d+)', text)
        gone = set(re.findall(rf'dispatcher\.worker\.gone service={service} pid=(\d+)', text))
        return [int(p) for p in pids if p not in gone][-1]

    def connect(self):
        wire = Wire(self.box)
        self.addCleanup(wire.socket.close)
        wire.reply()
        return wire

    def begin(self):
        wire = self.connect()
        for line in (b'EHLO c.test', b'MAIL FROM:<a@remote.test>', b'RCPT TO:<joe@example.test>', b'DATA'):
            wire.ask(line)
        wire.send(b'Subject: long\r\n\r\nfirst half\r\n')
        return wire

    def test_a_killed_worker_is_replaced(self):
        log = self.box.log('dispatcher')
        os.kill(self.worker('SMTP'), signal.SIGKILL)
        log.wait(r'worker\.started service=SMTP ')
        with Wire(self.box) as wire:
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def in_memory(self):
        """What the job controller knows of in ims-ms."""
        return int(re.search(r'^(\d+) in memory', self.box.command('imsimta', 'cache', '-view', 'ims-ms').stdout, re.M)[1])

    def leave_untold(self):
        """A file that was renamed behind the job controller's back stands for one whose worker died before it told of it."""
        self.box.wait_queue_empty('ims-ms')  # of other tests
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        with self.box.smtp() as client:
            client.sendmail('a@remote.test', ['bob@example.test'], b'Subject: untold\r\n\r\nx\r\n')
        waxwing.wait_until(self.in_memory, 'the job controller to know of the message')  # or it hears of it after the hold
        name = self.box.queue_files('ims-ms')[0]
        self.box.command('imsimta', 'qm', 'hold', name)
        path = os.path.join(self.box.root, 'queue', name)
        os.rename(path + '.HELD', path)
        self.box.command('imsimta', 'queue', 'start', 'ims-ms')
        self.assertEqual(self.in_memory(), 0)

    def test_what_a_killed_worker_did_not_tell_of_is_found(self):
        self.leave_untold()
        os.kill(self.worker('SMTP'), signal.SIGKILL)
        self.box.wait_queue_empty('ims-ms')

    def test_what_a_killed_worker_did_not_tell_of_is_found_while_it_drains(self):
        self.begin()
        old, log = self.worker('SMTP'), self.box.log('dispatcher')
        self.box.command('imsimta', 'reload')
        waxwing.wait_until(lambda: self.worker('SMTP') != old, 'a new worker')
        self.leave_untold()
        os.kill(old, signal.SIGKILL)
        self.assertIn(' active=1 drained=1', log.wait(rf'worker\.gone service=SMTP pid={old} '))
        self.box.wait_queue_empty('ims-ms')

    def test_sessions_outlive_the_dispatcher(self):
        wire = self.begin()
        log = self.box.log('dispatcher')
        old = self.box.kill('dispatcher')
        self.box.wait_running('dispatcher', other_than=old)
        log.wait(r'daemon\.ready')
        with Wire(self.box) as other:
            self.assertEqual(other.ask(b'NOOP')[:3], '250')
        self.assertEqual(wire.ask(b'second half\r\n.')[:3], '250')
        self.assertEqual(wire.ask(b'QUIT')[:3], '221')

    def test_a_stop_says_goodbye_between_messages_only(self):
        busy = self.begin()
        idle = self.connect()
        login = Wire(self.box, 'SUBMIT')
        login.reply()
        login.ask(b'EHLO c.test')
        self.assertEqual(login.ask(b'AUTH LOGIN')[:3], '334')
        self.box.restart('dispatcher')
        for wire in (idle, login):
            self.assertEqual(wire.reply()[:9], '421 4.3.2')
            self.assertTrue(wire.closed())
        self.assertEqual(busy.ask(b'second half\r\n.')[:3], '250')
        self.assertEqual(busy.reply()[:9], '421 4.3.2')


class Policy(waxwing.TestCase):
    """Who may come in, and what happens when too many do."""

    def change(self, name, edit):
        path = os.path.join(self.box.root, 'config', name)
        with open(path) as f:
            old = f.read()
        self.addCleanup(self.publish, path, old)
        self.publish(path, edit(old))

    def publish(self, path, text):
        with open(path, 'w') as f:
            f.write(text)
        self.box.command('imsimta', 'cnbuild')
        self.box.restart('dispatcher')

    def test_port_access(self):
        self.change('mappings', lambda old: old.replace(
            'PORT_ACCESS\n\n', 'PORT_ACCESS\n\n  TCP|*|*|127.0.0.9|*  $N554$ 5.7.1$ Not$ you\n', 1))
        refused = Wire(self.box, source='127.0.0.9')
        self.assertEqual(refused.reply(), '554 5.7.1 Not you')
        self.assertTrue(refused.closed())
        refused.socket.close()
        with Wire(self.box) as wire:
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    def test_block_lists(self):
        self.change('dispatcher.cnf', lambda old: 'DNS_VERIFY_DOMAIN=broken.example.org\nDNS_VERIFY_DOMAIN=list.example.org\n' + old)
        log = self.box.log('dispatcher')
        listed = Wire(self.box, source='127.0.0.9')
        self.assertEqual(listed.reply(), '554 5.7.1 [127.0.0.9] is listed by list.example.org: seen sending junk')
        self.assertTrue(listed.closed())
        listed.socket.close()
        log.wait(r'dispatcher\.listed service=SMTP .*zone=list\.example\.org')
        for source in ('127.0.0.10', '127.0.0.11', '127.0.0.1'):  # an answer that says nothing, no answer, this host
            with self.subTest(source), Wire(self.box, source=source) as wire:
                self.assertEqual(wire.ask(b'NOOP')[:3], '250')

    ACCESS = '''
FROM_ACCESS

  TCP|*|SMTP/c.test|MAIL|tcp_*|never@remote.test|   $N$<on$ record|not$ you
  *|few@remote.test|*                               $S1,2,3$Y
  *|tagged@remote.test|*                            $T$A$Y[ext]|X-Seen:$ here
  *|other@remote.test|*                             $K$J$Yrenamed@remote.test|boss@remote.test

SEND_ACCESS

  tcp_*|*|ims-ms|bob@example.test                   $H
  *|ann@example.test                                $B

MAIL_ACCESS

  TCP|*|SMTP/c.test|MAIL|tcp_*|*|*|cora@example.test  $:T$Ntoo$ private
  *|joe@example.test                                $:S$NX-No$ success
  *                                                 $A$YX-All:$ once
'''

    def begin(self, sender, *recipients):
        wire = Wire(self.box)
        self.addCleanup(wire.socket.close)
        wire.reply()
        wire.ask(b'EHLO c.test')
        self.assertEqual(wire.ask(b'MAIL FROM:<%s>' % sender)[:3], '250')
        return wire, [wire.ask(b'RCPT TO:' + (r if b'<' in r else b'<%s>' % r))[:3] for r in recipients]

    def finish(self, wire, text=b'Subject: access\r\n\r\nx'):
        self.assertEqual(wire.ask(b'DATA')[:3], '354')
        return wire.ask(text + b'\r\n.')[:9]

    def count(self, user):
        client = self.box.pop(f'{user}@example.test', PASSWORD)
        try:
            return client.stat()[0]
        finally:
            client.quit()

    def test_access_tables_at_work(self):
        self.change('mappings', lambda old: old + self.ACCESS)
        log = self.box.log('smtpd')
        with Wire(self.box) as wire:
            wire.ask(b'EHLO c.test')
            self.assertEqual(wire.ask(b'MAIL FROM:<never@remote.test>'), '550 5.7.1 not you')
            self.assertEqual(wire.ask(b'MAIL FROM:<few@remote.test> SIZE=1025')[:3], '552')
        log.wait(r'mta\.access .*table=FROM_ACCESS text="on record"')

        # $S: blocks, recipients, RCPT commands.
        wire, answers = self.begin(b'few@remote.test', b'joe@example.test', b'eve@example.test', b'cora@example.test')
        self.assertEqual(answers, ['250', '250', '452'])
        self.assertEqual(self.finish(wire, b'Subject: access\r\n\r\n' + b'x' * 1025), '552 5.3.4')
        wire, _ = self.begin(b'few@remote.test', *4 * [b'eve@example.test'])
        self.assertEqual(self.finish(wire), '554 5.5.3')

        # $T, $A, $J and input flags.
        before = self.count('joe')
        wire, answers = self.begin(b'tagged@remote.test', b'joe@example.test', b'<joe@example.test> NOTIFY=SUCCESS', b'eve@example.test')
        self.assertEqual(answers, ['250', '550', '250'])
        self.assertEqual(self.finish(wire), '250 2.5.0')
        text = newest(self.box, 'joe', before + 1)
        self.assertIn(b'\r\nSubject: [ext] access\r\n', text)
        self.assertEqual((text.count(b'\r\nX-Seen: here\r\n'), text.count(b'\r\nX-All: once\r\n')), (1, 1))
        wire, _ = self.begin(b'other@remote.test', b'joe@example.test')
        self.assertEqual(self.finish(wire), '250 2.5.0')
        text = newest(self.box, 'joe', before + 2)
        self.assertTrue(text.startswith(b'Return-Path: <renamed@remote.test>'), text)
        self.assertIn(b'\r\nSender: boss@remote.test\r\n', text)

        # $H and $B: held for one, thrown away for another, delivered to the third.
        before, unread = self.count('joe'), self.count('ann')
        wire, answers = self.begin(b'a@remote.test', b'bob@example.test', b'ann@example.test', b'joe@example.test')
        self.assertEqual(answers, ['250', '250', '250'])
        self.assertEqual(self.finish(wire), '250 2.5.0')
        newest(self.box, 'joe', before + 1)
        self.assertEqual(self.count('ann'), unread)
        held = [name for name in self.box.queue_files('ims-ms') if name.endswith('.HELD')]
        self.assertEqual(len(held), 1)
        self.box.command('imsimta', 'qm', 'delete', held[0])

    def test_a_worker_that_served_enough_is_replaced(self):
        self.change('dispatcher.cnf', lambda old: re.sub('MAX_LIFE_CONNS=.*', 'MAX_LIFE_CONNS=3', old))
        log = self.box.log('dispatcher')
        last = Wire(self.box)  # stays open: its worker may not go before it has ended
        last.reply()
        for _ in range(2):
            with Wire(self.box) as wire:
                self.assertEqual(wire.ask(b'QUIT')[:3], '221')
        log.wait(r'worker\.started service=SMTP ')
        with Wire(self.box) as wire:  # by another worker
            self.assertEqual(wire.ask(b'NOOP')[:3], '250')
        self.assertEqual(last.ask(b'NOOP')[:3], '250')
        self.assertEqual(last.ask(b'QUIT')[:3], '221')
        last.socket.close()
        log.wait(r'worker\.gone service=SMTP ')

    def test_workers_end_by_age_and_idleness(self):
        for limit, others in (('MAX_LIFE_TIME=1', {}), ('MAX_IDLE_TIME=1', {'MIN_PROCS': 0})):
            with self.subTest(limit):
                def edit(old):
                    for name, value in others.items():
                        old = re.sub(rf'(?m)^{name}=.*', f'{name}={value}', old, count=1)
                    return limit + '\n' + re.sub(r'(?m)^MAX_LIFE_TIME=.*\n', '', old)
                self.change('dispatcher.cnf', edit)
                log = self.box.log('dispatcher')
                with Wire(self.box) as wire:
                    self.assertEqual(wire.ask(b'QUIT')[:3], '221')
                log.wait(r'worker\.gone service=SMTP .*drained=1')
                self.doCleanups()

    def test_only_the_addresses_that_are_named_are_bound(self):
        self.change('dispatcher.cnf', lambda old: old.replace('INTERFACE_ADDRESS=$local.listenaddr', 'INTERFACE_ADDRESS=127.0.0.3', 1))
        with socket.create_connection(('127.0.0.3', self.box.port('SMTP')), timeout=waxwing.DEADLINE) as there:
            self.assertEqual(there.recv(3), b'220')
        with self.assertRaises(ConnectionRefusedError):
            Wire(self.box)

    def test_port_access_waits_for_the_directory(self):
        self.change('mappings', lambda old: old.replace(
            'PORT_ACCESS\n\n', 'PORT_ACCESS\n\n  TCP|*|*|127.0.0.9|*  $]ldap:///?mail?sub?(uid=nobody)[$N\n', 1))
        self.box.stop('slapd')
        self.addCleanup(self.box.start)

        def answer(source):
            wire = Wire(self.box, source=source)
            with contextlib.closing(wire.socket):
                return wire.reply()[:9]
        self.assertEqual(answer('127.0.0.9'), '421 4.3.0')
        self.assertEqual(answer('127.0.0.1')[:3], '220')
        self.box.start('slapd')
        waxwing.wait_until(lambda: answer('127.0.0.9')[:3] == '220', 'the directory to be asked again')

    def test_overload(self):
        limits = 'MIN_PROCS=1\nMAX_PROCS=2\nMIN_CONNS=1\nMAX_CONNS=1\n'
        self.change('dispatcher.cnf', lambda old: limits + re.sub(r'(?m)^(MIN|MAX)_(PROCS|CONNS)=.*\n', '', old))
        with Wire(self.box) as one:
            with Wire(self.box) as two:  # a second worker takes it
                self.assertEqual(two.ask(b'NOOP')[:3], '250')
                three = Wire(self.box)
                self.assertEqual(three.reply()[:9], '421 4.3.2')
                three.socket.close()
            self.assertEqual(one.ask(b'NOOP')[:3], '250')

    def test_directory_down(self):
        self.box.stop('slapd')
        self.addCleanup(self.box.start)

        def answer():
            with self.box.smtp() as client:
                client.ehlo()
                client.mail('a@remote.test')
                return client.rcpt('nobody-yet@example.test')[0]
        self.assertEqual(answer(), 451)
        self.box.start('slapd')
        waxwing.wait_until(lambda: answer() == 550, 'the directory to be asked again')


class Client(waxwing.TestCase):
    """What tcp_smtp_client says to others."""

    def send(self, recipients, text=b'Subject: out\r\n\r\n.dot\r\n..two\r\nend\r\n', sender='joe@example.test', options=()):
        client = self.box.submit('joe@example.test', PASSWORD)
        client.sendmail(sender, recipients, text, mail_options=options)
        client.quit()

    def test_each_recipient_has_its_own_fate(self):
        host = fake.host(rcpt={'bad': '550 5.1.1 no such user', 'later': '450 4.2.1 try later'})
        before = self.box.log('tcp_smtp_client', from_start=False)
        self.send([f'{name}@[{host.address}]' for name in ('good', 'bad', 'later')])
        message = host.wait_messages(1)[0]
        self.assertEqual([re.search('<(.*)@', r).group(1) for r in message.rcpts], ['good'])
        self.assertIn('SIZE=', message.mail)
        self.assertTrue(message.data.endswith(b'\r\n\r\n.dot\r\n..two\r\nend\r\n'))
        before.wait(r'mta\.failed .*bad@.*5\.1\.1')
        before.wait(r'mta\.deferred .*later@.*4\.2\.1')
        self.assertIn(b'bad@', newest(self.box, 'joe'))  # the notice

    def test_a_connection_is_used_again(self):
        host = fake.host()
        for n in range(3):
            self.send([f'u{n}@[{host.address}]'])
            host.wait_messages(n + 1)
        self.assertEqual({m.connection for m in host.messages}, {1})

    def test_a_connection_that_the_peer_closed_is_replaced(self):
        host = fake.host(close_after=1)
        self.send([f'one@[{host.address}]'])
        host.wait_messages(1)
        self.send([f'two@[{host.address}]'])
        host.wait_messages(2)
        self.assertEqual([m.connection for m in host.messages], [1, 2])

    def test_without_pipelining_one_command_at_a_time(self):
        host = fake.host(extensions=())
        self.send([f'{n}@[{host.address}]' for n in 'abc'])
        message = host.wait_messages(1)[0]
        self.assertEqual(len(message.rcpts), 3)
        self.assertEqual(host.early, [])
        self.assertEqual(message.mail, 'MAIL FROM:<joe@example.test>')

    def test_chunking(self):
        host = fake.host(extensions=('CHUNKING', 'PIPELINING', 'DSN'))
        self.send([f'a@[{host.address}]'], options=('ENVID=x+2By', 'RET=HDRS'))
        message = host.wait_messages(1)[0]
        self.assertEqual(message.how, 'BDAT')
        self.assertTrue(message.data.endswith(b'\r\n\r\n.dot\r\n..two\r\nend\r\n'))
        self.assertEqual(message.mail, 'MAIL FROM:<joe@example.test> RET=HDRS ENVID=x+2By')
        self.assertIn('ORCPT=rfc822;a@', message.rcpts[0])

    def test_a_binary_message_gives_the_next_host_no_commands(self):
        host = fake.host()
        text = (b'Subject: outer\nX-Bare: a\r.\rb\r\n\r\nfirst\n.\r\nMAIL FROM:<admin@example.test>\r\n'
                b'\r.\rRCPT TO:<bob@remote.test>\n.\nlast\n')
        client = self.box.submit('joe@example.test', PASSWORD)
        client.ehlo()
        client.mail('joe@example.test', ['BODY=BINARYMIME'])
        client.rcpt(f'a@[{host.address}]')
        client.send(b'BDAT %d LAST\r\n' % len(text) + text)
        self.assertEqual(client.getreply()[0], 250)
        client.quit()
        data = host.wait_messages(1)[0].data
        self.assertNotRegex(data, rb'\r(?!\n)|(?<!\r)\n')
        self.assertTrue(data.endswith(b'first\r\n.\r\nMAIL FROM:<admin@example.test>\r\n\r\n.\r\n'
                                      b'RCPT TO:<bob@remote.test>\r\n.\r\nlast\r\n'), data)

    def test_opportunistic_tls(self):
        certificate = fake_smtp.tls_context(os.path.join(self.box.root, 'tls', 'server.pem'), os.path.join(self.box.root, 'tls', 'server.key'))
        host = fake.host(tls=certificate)
        self.send([f'a@[{host.address}]'])
        self.assertEqual(host.wait_messages(1)[0].how, 'DATA+TLS')
        broken = fake.host(tls='broken')
        self.send([f'a@[{broken.address}]'])
        self.assertEqual(broken.wait_messages(1)[0].how, 'DATA')
        self.assertEqual(broken.connections, 2)

    def test_refusals_of_the_whole_message(self):
        for script, fate in (({'mail': '550 5.7.1 not you'}, r'mta\.failed .*5\.7\.1'), ({'data': '451 4.3.0 busy'}, r'mta\.deferred .*4\.3\.0'),
                             ({'end': '552 5.3.4 too big'}, r'mta\.failed .*5\.3\.4'), ({'greeting': '554 5.3.2 no'}, r'mta\.deferred .*5\.3\.2'),
                             ({'extensions': ('SIZE 50',)}, r'mta\.failed .*5\.3\.4')):
            with self.subTest(**script):
                host = fake.host(**script)
                log = self.box.log('tcp_smtp_client')
                self.send([f'a@[{host.address}]'])
                log.wait(fate)
                self.assertEqual(host.messages, [])

    def test_nobody_listens(self):
        log = self.box.log('tcp_smtp_client')
        self.send(['a@[127.0.2.1]'])
        log.wait(r'mta\.deferred .*a@\[127\.0\.2\.1\].*4\.4\.[12]')
        self.send(['b@[127.0.2.1]'])
        view = waxwing.wait_until(lambda: re.search(r'.*host-down.*', self.cache()), 'the message behind it').group(0)
        self.assertRegex(view, r'\[127\.0\.2\.1\] .*:\d\d$')  # when the host is tried again
        self.assertRegex(self.cache(), r'channel tcp_local, host \[127\.0\.2\.1\] is down: 4\.4\.')

        # What is removed behind the job controller is forgotten by a look at the tree.
        for name in self.box.queue_files('tcp_local'):
            os.unlink(os.path.join(self.box.root, 'queue', name))
        self.box.command('imsimta', 'cache', '-sync')
        self.assertNotIn('127.0.2.1', self.cache())

    def cache(self):
        return self.box.command('imsimta', 'cache', '-view', 'tcp_local').stdout

    def test_an_operator_does_not_wait_for_the_next_try(self):
        host = fake.host(rcpt={'soon': '450 4.2.1 not yet'})
        log = self.box.log('tcp_smtp_client')
        self.send([f'soon@[{host.address}]'])
        log.wait(r'mta\.deferred .*soon@')
        host.rcpt = {}
        self.box.command('imsimta', 'queue', '-retry_delivery', 'tcp_local')
        host.wait_messages(1)

    def test_the_log_of_an_accepted_message_names_its_queue_file(self):
        self.box.command('imsimta', 'queue', 'stop', 'tcp_local')
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'tcp_local')
        log = self.box.log('smtpd')
        host = fake.host()
        self.send([f'named@[{host.address}]'])
        name = re.search(r' file=(\S+)', log.wait(r'mta\.enqueue .*named@')).group(1)
        self.assertTrue(os.path.exists(os.path.join(self.box.root, 'queue', name)))


if __name__ == '__main__':
    waxwing.main()

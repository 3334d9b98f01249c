#!/usr/bin/env python3
"""SMTP as a server (smtpd), byte by byte where it matters."""
import re
import smtplib
import ssl

import waxwing
from smtp_wire import PASSWORD, Wire, newest

MESSAGE = (b'From: outside@remote.test\r\nTo: joe@example.test\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 05:00:00 +0000\r\n'
           b'Message-ID: <x@remote.test>\r\n\r\nline\r\n..dot\r\n.\r\n')


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')  # what arrives is read by POP3
    box.start()
    for name in ('joe', 'ann', 'bob', 'cora', 'dan'):
        box.user(name, PASSWORD)


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


if __name__ == '__main__':
    waxwing.main()

"""popd: RFC 1939 and its extensions, seen by poplib and by raw sockets."""
import base64
import hashlib
import poplib
import re
import smtplib
import socket

import waxwing
from lmtp_client import Lmtp

MESSAGE = ('From: a@b.test\nTo: joe@example.test\nSubject: {}\nMessage-ID: <{}@b.test>\n\n'
           'line 1\n.\n..two dots\n.one dot\n\nlast line\n')


def setUpModule():
    box = waxwing.start_shared('popd', 'imapd', 'dispatcher', 'job_controller')
    box.set_option('pop.faildelay', '0')
    box.set_option('auth.hasplainpasswords', '1')
    box.set_option('auth.newpassword', 'CLEAR')      # for APOP
    box.restart('popd')
    for uid in ('joe', 'mary', 'lock', 'big', 'keep', 'late', 'wire', 'seen', 'bin', 'turner'):
        box.user(uid, 'secret of ' + uid)
    box.user('clear', 'plain text')


class Wire:
    """A raw POP3 connection."""

    def __init__(self, box, greet=True):
        self.socket = socket.create_connection(('127.0.0.1', box.port('POP')), timeout=waxwing.DEADLINE)
        self.file = self.socket.makefile('rb')
        self.greeting = self.line() if greet else ''

    def line(self):
        return self.file.readline().decode('utf-8', 'replace').rstrip('\r\n')

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def say(self, command):
        self.send(command + '\r\n')
        return self.line()

    def block(self):
        lines = []
        while True:
            line = self.file.readline()
            if line in (b'.\r\n', b''):
                return lines
            lines.append(line)

    def login(self, user):
        self.say(f'USER {user}')
        return self.say(f'PASS secret of {user}')

    def close(self):
        self.file.close()
        self.socket.close()


class PopTest(waxwing.TestCase):
    def fill(self, uid, *messages):
        with Lmtp(self.box.port('LMTP')) as lmtp:
            for message in messages:
                address = f'{uid}@{self.box.domain}'
                answers = lmtp.deliver('sender@b.test', [address], message)[address]
                self.assertEqual([code for code, _ in answers], [250, 250], answers)

    def wire(self, user=None):
        wire = Wire(self.box)
        self.addCleanup(wire.close)
        if user:
            self.assertTrue(wire.login(user).startswith('+OK'))
        return wire

    def login(self, uid, tls=True):
        return self.box.pop(uid, 'secret of ' + uid, tls=tls)


class Reading(PopTest):
    def test_messages_come_back_byte_for_byte(self):
        self.fill('joe', MESSAGE.format('one', 1), MESSAGE.format('two', 2))
        pop = self.login('joe')
        count, octets = pop.stat()
        self.assertEqual(count, 2)
        sizes = [int(row.split()[1]) for row in pop.list()[1]]
        self.assertEqual(sum(sizes), octets)
        _, lines, _ = pop.retr(1)
        text = b''.join(line + b'\r\n' for line in lines)
        self.assertEqual(len(text), sizes[0])
        self.assertTrue(text.startswith(b'Return-Path: <sender@b.test>\r\nReceived: from client.test'), text)
        self.assertTrue(text.endswith(MESSAGE.format('one', 1).replace('\n', '\r\n').encode()), text)
        self.assertEqual(pop.list(2), b'+OK 2 %d' % sizes[1])
        pop.quit()

    def test_all_in_turn_and_in_any_order(self):
        texts = [MESSAGE.format(f'turn {n}', n) + 'x\n' * (n % 5 * 4000) for n in range(40)]
        self.fill('turner', *texts)
        pop = self.login('turner')

        def body(number):
            return b'\n'.join(pop.retr(number)[1])

        for number in [*range(1, 41), 7, 8, 9, 3, 40, 39, *range(10, 30)]:
            self.assertIn(b'Subject: turn %d\n' % (number - 1), body(number))
            self.assertEqual(body(number).count(b'\nx'), (number - 1) % 5 * 4000)
            if number == 20:
                pop.dele(21)
                with self.assertRaises(poplib.error_proto):
                    pop.retr(21)
                pop.rset()
        pop.quit()

    def test_top(self):
        self.fill('mary', MESSAGE.format('top', 3))
        pop = self.login('mary')
        header = pop.top(1, 0)[1]
        self.assertEqual(header[-1], b'')
        self.assertIn(b'Subject: top', header)
        self.assertEqual(pop.top(1, 3)[1][len(header):], [b'line 1', b'.', b'..two dots'])
        whole = pop.retr(1)[1]
        for lines in (6, 7, 100, 2**40):
            self.assertEqual(pop.top(1, lines)[1], whole)
        for bad in ('TOP', 'TOP 1', 'TOP 1 x', 'TOP 1 -1', 'TOP 2 1', 'TOP 0 1', 'TOP 1 1 1'):
            with self.assertRaises(poplib.error_proto):
                pop._shortcmd(bad)
        pop.quit()

    def test_a_binary_message_cannot_play_the_server(self):
        binary = b'Subject: binary\r\n\r\nfirst\n.\r\n+OK injected\nsecond\r.\rthird\n.\n'
        with smtplib.SMTP('127.0.0.1', self.box.port('SMTP'), timeout=waxwing.DEADLINE) as smtp:
            smtp.ehlo('client.test')
            smtp.mail('a@b.test', ['BODY=BINARYMIME'])
            smtp.rcpt('bin@' + self.box.domain)
            smtp.send(b'BDAT %d LAST\r\n' % len(binary) + binary)
            self.assertEqual(smtp.getreply()[0], 250)
        self.box.wait_messages('bin', 'secret of bin', 1)
        wire = self.wire('bin')
        for command in ('RETR 1', 'TOP 1 100'):
            self.assertTrue(wire.say(command).startswith('+OK'))
            lines = wire.block()
            body = lines[lines.index(b'\r\n') + 1:]
            self.assertEqual(body, [b'first\r\n', b'..\r\n', b'+OK injected\r\n', b'second\r\n', b'..\r\n',
                                    b'third\r\n', b'..\r\n'])
            self.assertEqual(wire.say('NOOP'), '+OK nothing done')

    def test_a_large_message_streams(self):
        body = ''.join('%08d %s\n' % (n, '.' * 60) for n in range(60000))
        self.fill('big', 'Subject: big\n\n' + body)
        pop = self.login('big')
        _, lines, _ = pop.retr(1)
        start = lines.index(b'') + 1
        self.assertEqual(b'\n'.join(lines[start:]) + b'\n', body.encode())
        self.assertEqual(len(pop.top(1, 30000)[1]), start + 30000)
        pop.quit()

    def test_unique_ids_stay(self):
        self.fill('keep', *(MESSAGE.format('k', n) for n in range(4)))
        pop = self.login('keep')
        before = [row.split()[1] for row in pop.uidl()[1]]
        self.assertEqual(len(set(before)), 4)
        self.assertTrue(all(re.fullmatch(rb'[!-~]{1,70}', uid) for uid in before))
        pop.dele(2)
        self.assertEqual([row.split()[0] for row in pop.uidl()[1]], [b'1', b'3', b'4'])
        pop.quit()
        self.fill('keep', MESSAGE.format('k', 9))
        pop = self.login('keep')
        after = [row.split()[1] for row in pop.uidl()[1]]
        self.assertEqual(after[:3], [before[0], before[2], before[3]])
        self.assertNotIn(after[3], before)
        self.assertEqual(pop.uidl(1).split()[2], before[0])
        pop.quit()


class Deleting(PopTest):
    def test_only_quit_deletes(self):
        self.fill('late', *(MESSAGE.format('d', n) for n in range(3)))
        pop = self.login('late')
        total = pop.stat()
        size = int(pop.list(2).split()[2])
        pop.dele(2)
        self.assertEqual(pop.stat(), (2, total[1] - size))
        for command in (lambda: pop.retr(2), lambda: pop.dele(2), lambda: pop.list(2), lambda: pop.top(2, 0)):
            with self.assertRaisesRegex(poplib.error_proto, 'deleted'):
                command()
        pop.rset()
        self.assertEqual(pop.stat(), total)
        pop.dele(1)
        pop.close()                                   # the connection breaks: nothing is deleted
        log = self.box.log('popd', from_start=True)
        log.wait('pop.close.*user=late')
        pop = self.login('late')
        self.assertEqual(pop.stat(), total)
        pop.dele(1)
        pop.dele(3)
        pop.quit()
        pop = self.login('late')
        self.assertEqual(pop.stat()[0], 1)
        pop.quit()

    def test_quit_marks_what_was_read(self):
        self.fill('seen', *(MESSAGE.format('s', n) for n in range(3)))
        pop = self.login('seen')
        pop.retr(2)
        pop.top(3, 1)
        imap = self.box.imap('seen', 'secret of seen')
        imap.select('INBOX')
        imap.store('1', '+FLAGS', r'(\Deleted)')
        imap.expunge()
        self.assertEqual(pop.stat()[0], 3)            # numbers stay as they were
        self.assertIn(b'Subject: s', pop.top(2, 0)[1])
        pop.dele(3)
        pop.quit()
        imap.noop()
        self.assertEqual(imap.uid('SEARCH', 'ALL')[1], [b'2'])
        self.assertEqual(imap.uid('SEARCH', 'SEEN')[1], [b'2'])
        imap.logout()

    def test_one_session_per_maildrop(self):
        first = self.login('lock')
        with self.assertRaisesRegex(poplib.error_proto, r'\[IN-USE\]'):
            self.login('lock')
        first.quit()
        self.login('lock').quit()


class Login(PopTest):
    def test_capabilities(self):
        pop = self.box.pop(tls=False)
        self.assertEqual(set(pop.capa()) - {'SASL', 'USER'},
                         {'TOP', 'UIDL', 'RESP-CODES', 'AUTH-RESP-CODE', 'PIPELINING', 'STLS', 'EXPIRE', 'IMPLEMENTATION'})
        self.assertIn('PLAIN', pop.capa()['SASL'])
        pop.stls(context=self.box.tls())
        self.assertNotIn('STLS', pop.capa())
        pop.user('joe')
        pop.pass_('secret of joe')
        self.assertNotIn('SASL', pop.capa())
        pop.quit()

    def test_wrong_and_unknown_sound_the_same(self):
        answers = []
        for user, password in (('joe', 'wrong'), ('nobody', 'wrong'), ('joe', 'secret')):
            wire = self.wire()
            self.assertTrue(wire.say('USER ' + user).startswith('+OK'))
            answers.append(wire.say('PASS ' + password))
        self.assertEqual(len(set(answers)), 1, answers)
        self.assertTrue(answers[0].startswith('-ERR [AUTH]'))

    def test_guessing_ends(self):
        wire = self.wire()
        for _ in range(5):
            wire.say('USER joe')
            self.assertTrue(wire.say('PASS no').startswith('-ERR'))
        self.assertEqual(wire.file.read(), b'')

    def test_sasl(self):
        secret = base64.b64encode(b'\0mary\0secret of mary').decode()
        wire = self.wire()
        self.assertEqual(wire.say('AUTH PLAIN'), '+ ')
        self.assertTrue(wire.say(secret).startswith('+OK'))
        wire.say('QUIT')
        wire = self.wire()
        self.assertTrue(wire.say('AUTH PLAIN *bad*').startswith('-ERR'))
        self.assertTrue(wire.say('AUTH NONSENSE').startswith('-ERR'))
        self.assertEqual(wire.say('AUTH PLAIN'), '+ ')
        self.assertTrue(wire.say('*').startswith('-ERR'))
        self.assertTrue(wire.say('AUTH').startswith('+OK'))
        self.assertIn(b'PLAIN\r\n', wire.block())
        self.assertTrue(wire.say('AUTH PLAIN ' + secret).startswith('+OK'))

    def test_apop(self):
        wire = self.wire()
        stamp = re.search(r'<[^>]+>', wire.greeting).group()
        digest = hashlib.md5((stamp + 'plain text').encode()).hexdigest()
        self.assertTrue(wire.say('APOP clear ' + '0' * 32).startswith('-ERR [AUTH]'))
        self.assertTrue(wire.say('APOP clear ' + digest).startswith('+OK'), digest)

    def test_tls_forgets_what_was_said_in_clear(self):
        wire = self.wire()
        wire.say('USER joe')
        wire.send('STLS\r\nPASS secret of joe\r\n')   # an injected command behind STLS
        self.assertTrue(wire.line().startswith('+OK'))
        secure = self.box.tls().wrap_socket(wire.socket, server_hostname='localhost')
        secure.sendall(b'STAT\r\nPASS x\r\n')
        file = secure.makefile('rb')
        self.assertTrue(file.readline().startswith(b'-ERR log in first'))
        self.assertTrue(file.readline().startswith(b'-ERR USER first'))
        secure.close()

    def test_directory_down_is_try_again(self):
        self.box.stop('slapd')
        try:
            wire = self.wire()
            wire.say('USER never-asked-before')
            self.assertTrue(wire.say('PASS x').startswith('-ERR [SYS/TEMP]'))
        finally:
            self.box.start('slapd')
        self.box.restart('popd')


class Protocol(PopTest):
    def test_pipelined_commands_are_answered_in_order(self):
        self.fill('wire', MESSAGE.format('p', 1))
        wire = self.wire()
        wire.send('USER wire\r\nPASS secret of wire\r\nSTAT\r\nNOOP\r\nLIST 9\r\nQUIT\r\n')
        answers = wire.file.read().decode().splitlines()
        self.assertEqual([a.split()[0] for a in answers], ['+OK', '+OK', '+OK', '+OK', '-ERR', '+OK'], answers)

    def test_one_byte_at_a_time(self):
        wire = self.wire()
        for byte in b'user joe\r\nPass secret of joe\nstat\r\nquit\r\n':
            wire.send(bytes([byte]))
        answers = wire.file.read().decode().splitlines()
        self.assertEqual([a[:3] for a in answers], ['+OK'] * 4, answers)

    def test_nonsense_gets_an_error(self):
        wire = self.wire()
        for bad in ('', ' ', 'FOO', 'STAT', 'RETR 1', 'USER', 'PASS', 'APOP', 'APOP a', '\0\1\2', 'X' * 500, 'AUTH A B C'):
            self.assertTrue(wire.say(bad).startswith('-ERR'), bad)
        self.assertTrue(wire.say('Y' * 100000).startswith('-ERR'))
        self.assertTrue(wire.login('mary').startswith('+OK'))
        for bad in ('USER joe', 'STLS', 'RETR', 'RETR x', 'RETR 0', 'RETR -1', 'RETR 99999999999999999999', 'DELE 4294967296',
                    'LIST 1000', 'UIDL x'):
            self.assertTrue(wire.say(bad).startswith('-ERR'), bad)
        self.assertTrue(wire.say('NOOP').startswith('+OK'))

    def test_endless_nonsense_ends_the_session(self):
        wire = self.wire()
        wire.send('FOO\r\n' * 100)
        answers = wire.file.read().decode().splitlines()
        self.assertLess(len(answers), 50)

    def test_stop_says_goodbye(self):
        wire = self.wire('mary')
        self.box.stop('popd')
        try:
            self.assertTrue(wire.line().startswith('-ERR [SYS/TEMP]'))
            self.assertEqual(wire.file.read(), b'')
        finally:
            self.box.start('popd')


if __name__ == '__main__':
    waxwing.main()

"""lmtpd: RFC 2033, from raw sockets into mailboxes that POP3 reads."""
import glob
import os
import subprocess

import waxwing
from lmtp_client import Lmtp

MESSAGE = 'From: a@b.test\nSubject: {}\nMessage-ID: <{}@b.test>\n\nHello.\n'


def setUpModule():
    box = waxwing.start_shared('popd', 'imapd', 'dispatcher')
    for uid in ('joe', 'mary', 'once', 'raw', 'chunk', 'crash', 'hand', 'sub', 'link1', 'link2', 'large', 'ids',
                'bare'):
        box.user(uid, 'secret')
    box.user('small', 'secret', '--quota', '3000')
    box.user('gone', 'secret', '--status', 'inactive')
    box.user('off', 'secret', '--status', 'disabled')
    box.user('away', 'secret', '--mail-host', 'other.test')
    box.user('alt', 'secret', '--alternate', f'alternate.name@{box.domain}')


class LmtpTest(waxwing.TestCase):
    def lmtp(self, hello=True):
        client = Lmtp(self.box.port('LMTP'), hello)
        self.addCleanup(client.close)
        return client

    def at(self, uid):
        return f'{uid}@{self.box.domain}'

    def worker(self):
        """The pid of the process that dispatcher started last."""
        log = self.box.log('dispatcher', from_start=True)
        log.read()
        started = [line for line in log.lines if 'dispatcher.worker.started service=LMTP' in line]
        return int(started[-1].rsplit('pid=')[1])

    def messages(self, uid):
        """All messages of an INBOX as bytes."""
        pop = self.box.pop(uid, 'secret')
        try:
            return [b''.join(line + b'\r\n' for line in pop.retr(n + 1)[1]) for n in range(pop.stat()[0])]
        finally:
            pop.quit()


class Delivery(LmtpTest):
    def test_every_recipient_gets_an_answer_of_its_own(self):
        lmtp = self.lmtp()
        big = MESSAGE.format('big', 1) + 'x' * 60 + '\n'
        names = [self.at(u) for u in ('joe', 'nobody', 'small', 'mary', 'gone', 'off', 'away')] + ['x@elsewhere.test']
        answers = lmtp.deliver('s@b.test', names, MESSAGE.format('answers', 2) + ('y' * 70 + '\n') * 50)
        codes = {name.split('@')[0]: [(code, text.split()[0]) for code, text in got] for name, got in answers.items()}
        self.assertEqual([c for c, _ in codes['joe']], [250, 250])
        self.assertEqual([c for c, _ in codes['mary']], [250, 250])
        self.assertEqual(codes['nobody'], [(550, '5.1.1')])
        self.assertEqual(codes['small'][1], (552, '5.2.2'))       # larger than the whole quota
        self.assertEqual(codes['gone'], [(451, '4.2.1')])
        self.assertEqual(codes['off'], [(550, '5.2.1')])
        self.assertEqual(codes['away'], [(451, '4.3.5')])
        self.assertEqual(codes['x'], [(550, '5.1.2')])
        while True:                                               # until it is full
            code, text = lmtp.deliver('s@b.test', [self.at('small')], big)[self.at('small')][1]
            if code != 250:
                break
        self.assertEqual((code, text.split()[0]), (452, '4.2.2'))
        self.assertEqual(lmtp.say('QUIT')[0], 221)

    def test_trace_fields(self):
        self.lmtp().deliver('s@b.test', [self.at('alt')], MESSAGE.format('trace', 3))
        lmtp = self.lmtp()
        lmtp.deliver('', ['Alternate.Name@' + self.box.domain.upper()], MESSAGE.format('trace', 4))
        first, second = self.messages('alt')
        self.assertTrue(first.startswith(b'Return-Path: <s@b.test>\r\nReceived: from client.test ([127.0.0.1])\r\n by '), first)
        self.assertTrue(second.startswith(b'Return-Path: <>\r\nReceived: '), second)
        self.assertTrue(second.endswith(MESSAGE.format('trace', 4).replace('\n', '\r\n').encode()))

    def test_one_mailbox_named_twice_gets_one_copy(self):
        names = [self.at('once'), self.at('once') + ' ', self.at('once+Nowhere')]
        answers = self.lmtp().deliver('s@b.test', [n.strip() for n in names], MESSAGE.format('once', 5))
        self.assertTrue(all(got[-1][0] == 250 for got in answers.values()), answers)
        self.assertEqual(len(self.messages('once')), 1)

    def test_subaddress_goes_to_its_folder(self):
        self.box.command('mboxutil', '-c', 'user/sub/Lists/C++')
        lmtp = self.lmtp()
        for address in ('sub+Lists/C++', 'sub+nowhere', 'SUB+Lists/C++', '"sub+../../joe"', 'sub+'):
            got = lmtp.deliver('s@b.test', [self.at(address)], MESSAGE.format('sub', address))[self.at(address)]
            self.assertEqual([code for code, _ in got], [250, 250], address)
        self.assertEqual(self.box.wait_messages('sub', 'secret', 2, mailbox='"Lists/C++"'), 2)
        self.assertEqual(self.box.wait_messages('sub', 'secret', 3), 3)

    def test_single_copy(self):
        token = 'a word that stands in one file only'
        self.lmtp().deliver('s@b.test', [self.at('link1'), self.at('link2')], MESSAGE.format('link', 6) + token + '\n')
        self.assertEqual(len(self.messages('link1')) + len(self.messages('link2')), 2)
        holders = {}
        for folder, _, files in os.walk(os.path.join(self.box.root, 'store', 'partition')):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, 'rb') as f:
                    content = f.read()
                    if (token + '\r\n').encode() in content and content.startswith(b'Return-Path'):
                        holders.setdefault(os.stat(path).st_ino, []).append(path)
        self.assertEqual([len(paths) for paths in holders.values()], [2], holders)

    def test_a_large_message_goes_to_the_disk_as_it_comes(self):
        lmtp = self.lmtp()
        lmtp.say('MAIL FROM:<s@b.test>')
        for user in ('large', 'joe'):
            lmtp.say(f'RCPT TO:<{self.at(user)}>')
        self.assertEqual(lmtp.say('DATA')[0], 354)
        before = self.anonymous_kib()
        line = 'x' * 998 + '\r\n'
        lmtp.send('Subject: large\r\n\r\n')
        for _ in range(400):
            lmtp.send(line * 100)
        waxwing.wait_until(lambda: self.draft_bytes() > 39_000_000, 'the draft to grow')
        self.assertLess(self.anonymous_kib() - before, 4096 * waxwing.SLOWNESS)
        lmtp.send('.\r\n')
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        self.assertEqual(self.draft_bytes(), 0)
        self.assertTrue(self.messages('large')[0].endswith(b'Subject: large\r\n\r\n' + line.encode() * 40000))

    def anonymous_kib(self):
        with open(f'/proc/{self.worker()}/status') as f:
            return next(int(text.split()[1]) for text in f if text.startswith('RssAnon'))

    def draft_bytes(self):
        folder = os.path.join(self.box.root, 'store', 'partition', 'primary', 'tmp')
        return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)

    def test_one_id_leads_from_the_answer_to_log_and_message(self):
        log = self.box.log('lmtpd')
        ids = []
        lmtp = self.lmtp()
        for n in range(2):
            got = lmtp.deliver('s@b.test', [self.at('ids'), self.at('nobody')], MESSAGE.format('ids', n))
            ids.append(got[self.at('ids')][1][1].split(', id ')[1])
            for event in ('delivered', r'rcpt\.rejected'):
                log.wait(rf'lmtp\.{event}.* qid={ids[n]} ')
        self.assertNotEqual(ids[0], ids[1])
        for message, qid in zip(self.messages('ids'), ids):
            self.assertIn(f' id {qid}'.encode(), message.split(b'\r\n\r\n')[0])

    def test_what_was_answered_survives_kill(self):
        lmtp = self.lmtp()
        log = self.box.log('dispatcher')
        for n in range(20):
            got = lmtp.deliver('s@b.test', [self.at('crash')], MESSAGE.format('crash', f'c{n}'))
            self.assertEqual(got[self.at('crash')][1][0], 250)
        os.kill(self.worker(), 9)
        self.box.kill('stored')
        log.wait(r'dispatcher\.worker\.started.*service=LMTP')
        self.box.wait_running('stored')
        self.assertEqual(len(self.messages('crash')), 20)
        got = self.lmtp().deliver('s@b.test', [self.at('crash')], MESSAGE.format('crash', 'again'))
        self.assertEqual(got[self.at('crash')][1][0], 250)


    def test_imcheck_names_a_message_without_its_file(self):
        self.lmtp().deliver('s@b.test', [self.at('bare')], MESSAGE.format('bare', 77))
        dump = self.box.command('imcheck', '-m', 'user/bare/INBOX').stdout
        self.assertNotIn('NO FILE', dump)
        directory = glob.escape(os.path.join(self.box.root, 'store'))
        file, = glob.glob(os.path.join(directory, '**', '=bare', '**', '*.msg'), recursive=True)
        os.unlink(file)
        done = self.box.command('imcheck', '-m', 'user/bare/INBOX', check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stdout, r'(?m)^slot 0 uid 1 .* NO FILE$')


class Protocol(LmtpTest):
    def test_hello(self):
        lmtp = self.lmtp(hello=False)
        self.assertEqual(lmtp.greeting[0], 220)
        self.assertEqual(lmtp.say('EHLO x.test')[0], 500)
        self.assertEqual(lmtp.say('MAIL FROM:<>')[0], 503)
        code, text = lmtp.say('LHLO x.test')
        self.assertEqual(code, 250)
        for word in ('PIPELINING', 'ENHANCEDSTATUSCODES', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'STARTTLS', 'SIZE '):
            self.assertIn(word, text)

    def test_order_of_commands(self):
        lmtp = self.lmtp()
        self.assertEqual(lmtp.say('RCPT TO:<a@b>')[0], 503)
        self.assertEqual(lmtp.say('DATA')[0], 503)
        self.assertEqual(lmtp.say('MAIL FROM:<a@b.test>')[0], 250)
        self.assertEqual(lmtp.say('MAIL FROM:<a@b.test>')[0], 503)
        self.assertEqual(lmtp.say('DATA')[0], 503)                # RFC 2033: no recipient, no message
        self.assertEqual(lmtp.say('RSET')[0], 250)
        self.assertEqual(lmtp.say('DATA x')[0], 501)
        for bad in ('FOO', 'MAIL', 'MAIL FROM:a', 'MAIL FROM:<a@b> SIZE=x', 'STARTTLS x', 'BDAT'):
            self.assertGreaterEqual(lmtp.say(bad)[0], 500, bad)
            if bad == 'BDAT':
                self.assertEqual(lmtp.file.read(), b'')           # what follows cannot be told from commands

    def test_size(self):
        lmtp = self.lmtp()
        self.assertEqual(lmtp.say('MAIL FROM:<a@b.test> SIZE=999999999999')[0], 552)

    def test_size_is_that_of_the_bytes_whatever_was_declared(self):
        self.addCleanup(self.box.restart, 'dispatcher')
        self.addCleanup(self.box.set_option, 'lmtp.maxmessagesize', 104857600)
        self.box.set_option('lmtp.maxmessagesize', 2000)
        self.box.restart('dispatcher')
        hello = self.lmtp(hello=False).say('LHLO client.test')[1]
        self.assertIn('SIZE 2000', hello)
        names = [self.at('joe'), self.at('mary')]
        before = [len(self.messages(uid)) for uid in ('joe', 'mary')]
        for declared in ('', ' SIZE=100'):
            lmtp = self.lmtp()
            for large in (self.by_data, self.by_chunks):
                lmtp.say(f'MAIL FROM:<s@b.test>{declared}')
                for name in names:
                    self.assertEqual(lmtp.say(f'RCPT TO:<{name}>')[0], 250)
                refused = large(lmtp, b'Subject: large\r\n\r\n' + b'some words\r\n' * 200)
                self.assertEqual([(code, text.split()[0]) for code, text in refused], [(552, '5.3.4')] * len(names))
            lmtp.say('MAIL FROM:<s@b.test>')
            lmtp.say(f'RCPT TO:<{names[0]}>')
            self.assertEqual(self.by_data(lmtp, b'Subject: fits\r\n\r\n' + b'some words\r\n' * 160, 1)[0][0], 250)
        self.assertEqual([len(self.messages(uid)) for uid in ('joe', 'mary')], [before[0] + 2, before[1]])

    def by_data(self, lmtp, text, answers=2):
        self.assertEqual(lmtp.say('DATA')[0], 354)
        lmtp.send(text + b'.\r\n')
        return [lmtp.reply() for _ in range(answers)]

    def by_chunks(self, lmtp, text, answers=2):
        for at in range(0, len(text), 600):
            last = ' LAST' if at + 600 >= len(text) else ''
            piece = text[at:at + 600]
            lmtp.send(f'BDAT {len(piece)}{last}\r\n'.encode() + piece)
            if not last:
                self.assertEqual(lmtp.reply()[0], 250 if at + 600 <= 2000 else 552)
        return [lmtp.reply() for _ in range(answers)]

    def test_pipelining_and_line_ends(self):
        lmtp = self.lmtp()
        joe = self.at('raw')
        lmtp.send(f'MAIL FROM:<s@b.test>\r\nRCPT TO:<{joe}>\r\nRCPT TO:<nobody@{self.box.domain}>\r\nDATA\r\n')
        self.assertEqual([lmtp.reply()[0] for _ in range(4)], [250, 250, 550, 354])
        # Things that are no end of a message, then the end; what follows is a command again.
        lmtp.send(b'Subject: raw\r\n\r\n..dot\r\na\n.\nb\r.\r\nc\r\n.\r\nNOOP\r\n')
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        text = self.messages('raw')[0]
        self.assertTrue(text.endswith(b'Subject: raw\r\n\r\n.dot\r\na\r\n.\r\nb\r\n.\r\nc\r\n'), text)

    def test_chunks(self):
        lmtp = self.lmtp()
        address = self.at('chunk')
        lmtp.say('MAIL FROM:<s@b.test> BODY=8BITMIME')
        lmtp.say(f'RCPT TO:<{address}>')
        lmtp.send(b'BDAT 15\r\nSubject: c\r\n\r\n.')
        self.assertEqual(lmtp.reply()[0], 250)
        self.assertEqual(lmtp.say('RCPT TO:<x@y.test>')[0], 503)
        lmtp.send(b'BDAT 8 LAST\r\n\r\n\xc3\xa4\nb\r\n')
        self.assertEqual(lmtp.reply()[0], 250)
        self.assertTrue(self.messages('chunk')[0].endswith(b'Subject: c\r\n\r\n.\r\n\xc3\xa4\r\nb\r\n'))
        lmtp.send(b'BDAT 5 LAST\r\nNOOP\nRSET\r\n')                # no transaction: the chunk is swallowed
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [503, 250])
        lmtp.send(b'BDAT 1\r\n\r')                              # what is swallowed is no part of the next message
        self.assertEqual(lmtp.reply()[0], 503)
        lmtp.say('MAIL FROM:<s@b.test>')
        lmtp.say(f'RCPT TO:<{address}>')
        lmtp.send(b'BDAT 7 LAST\r\n\nbody\r\n')
        self.assertEqual(lmtp.reply()[0], 250)
        self.assertTrue(self.messages('chunk')[1].endswith(b'\r\n\r\nbody\r\n'))

    def test_one_byte_at_a_time(self):
        lmtp = self.lmtp()
        for byte in f'MAIL FROM:<s@b.test>\r\nRCPT TO:<{self.at("mary")}>\r\n'.encode():
            lmtp.send(bytes([byte]))
        self.assertEqual([lmtp.reply()[0] for _ in range(2)], [250, 250])
        lmtp.say('DATA')
        for byte in b'Subject: x\r\n\r\n.\r\r\n..\r\n.\r\n':
            lmtp.send(bytes([byte]))
        self.assertEqual(lmtp.reply()[0], 250)

    def test_starttls(self):
        lmtp = self.lmtp()
        lmtp.send('STARTTLS\r\nNOOP\r\n')                         # the injected NOOP gets no answer
        self.assertEqual(lmtp.reply()[0], 220)
        secure = self.box.tls().wrap_socket(lmtp.socket, server_hostname='localhost')
        lmtp.socket, lmtp.file = secure, secure.makefile('rb')
        self.assertEqual(lmtp.say('MAIL FROM:<>')[0], 503)        # LHLO has to be said again
        self.assertNotIn('STARTTLS', lmtp.say('LHLO x.test')[1])
        got = lmtp.deliver('s@b.test', [self.at('mary')], MESSAGE.format('tls', 7))
        self.assertEqual(got[self.at('mary')][1][0], 250)
        self.assertIn(b'with LMTPS id', self.messages('mary')[-1])

    def test_directory_down_is_try_again(self):
        self.box.stop('slapd')
        try:
            lmtp = self.lmtp()
            lmtp.say('MAIL FROM:<s@b.test>')
            self.assertEqual(lmtp.say(f'RCPT TO:<never-asked@{self.box.domain}>')[0], 451)
        finally:
            self.box.start('slapd')
        # Full service again by itself.
        lmtp = self.lmtp()
        lmtp.say('MAIL FROM:<s@b.test>')
        waxwing.wait_until(lambda: lmtp.say(f'RCPT TO:<{self.at("link1")}>')[0] == 250, 'the directory to be asked again')


class ByHand(LmtpTest):
    def test_lmtpd_listens_by_itself_without_a_dispatcher(self):
        self.box.stop('dispatcher')
        log = self.box.log('lmtpd')
        server = subprocess.Popen([os.path.join(self.box.root, 'bin', 'lmtpd'), '--instance', self.box.root])
        try:
            log.wait(rf'lmtpd\[{server.pid}\].*daemon\.ready')
            got = self.lmtp().deliver('s@b.test', [self.at('hand')], MESSAGE.format('hand', 8))
            self.assertEqual(got[self.at('hand')][1][0], 250)
            waiting = self.lmtp()
            server.terminate()
            self.assertEqual(waiting.reply()[0], 421)
            self.assertEqual(server.wait(timeout=waxwing.DEADLINE), 0)
        finally:
            server.kill()
            server.wait()
            self.box.start('dispatcher')
        self.assertEqual(len(self.messages('hand')), 1)


if __name__ == '__main__':
    waxwing.main()

"""URLAUTH in imapd (RFC 4467) and BURL in smtpd (RFC 4468): a draft is saved by IMAP and submitted by its URL."""
import imaplib
import os
import re
import socket
import threading
import unittest

import waxwing
from smtp_wire import PASSWORD, newest

DRAFT = b'From: joe@example.test\r\nTo: ann@example.test\r\nSubject: %s\r\n\r\nThe body of a draft.\r\n'
NEXT = [0]

for name in ('GENURLAUTH', 'URLFETCH', 'RESETKEY'):
    imaplib.Commands[name] = ('AUTH', 'SELECTED')


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.edit('imta.cnf', lambda text: re.sub(r'(?m)^(tcp_submit submit .*)$', r'\1 acceptburl disconnectbadburllimit 6', text))
    box.set_option('imap.submituser', 'submitter')
    box.set_option('imap.urlauth.hosts', 'imap.example.test localhost')
    box.set_option('smtp.burl.hosts', f'localhost=127.0.0.1:{box.port("IMAP")}, closed=127.0.0.1:9, scripted=127.0.0.1:{Scripted.listen()}')
    unittest.addModuleCleanup(Scripted.listener.close)
    box.set_option('smtp.burl.user', 'submitter@example.test')
    box.set_option('smtp.burl.password', PASSWORD)
    box.command('imsimta', 'cnbuild')
    box.start()
    for name in ('joe', 'ann', 'bob', 'submitter'):
        box.user(name, PASSWORD)


class Urls(waxwing.TestCase):
    def imap(self, user='joe'):
        client = self.box.imap(f'{user}@example.test', PASSWORD)
        self.addCleanup(client.shutdown)
        return client

    def draft(self, text=None, user='joe', mailbox='INBOX'):
        """(client, subject, path of the URL of a new message)"""
        client = self.imap(user)
        NEXT[0] += 1
        subject = b'draft %d' % NEXT[0]
        status, data = client.append(mailbox, r'(\Draft)', None, text or DRAFT % subject)
        self.assertEqual(status, 'OK', data)
        validity, uid = re.search(rb'APPENDUID (\d+) (\d+)', data[0]).groups()
        return client, subject, f'{mailbox};UIDVALIDITY={validity.decode()}/;UID={uid.decode()}'

    def sign(self, client, path, access='submit+joe', owner='joe', host='localhost'):
        status, data = client._simple_command('GENURLAUTH', f'"imap://{owner}@{host}/{path};URLAUTH={access}"', 'INTERNAL')
        self.assertEqual(status, 'OK', data)
        return client.response('GENURLAUTH')[1][0].decode().strip('"')

    def fetch(self, client, url):
        """The bytes that URLFETCH answers; None: NIL."""
        status, data = client._simple_command('URLFETCH', f'"{url}"')
        self.assertEqual(status, 'OK', data)
        data = client.response('URLFETCH')[1]
        if isinstance(data[0], tuple):
            self.assertIn(url.encode(), data[0][0])
            return data[0][1]
        self.assertRegex(data[0], rb' NIL$')
        return None

    def bad(self, client, *words):
        try:
            return client._simple_command(*words)[0]
        except imaplib.IMAP4.error as error:
            return str(error)


class UrlAuth(Urls):
    def test_who_may_fetch(self):
        joe, subject, path = self.draft()
        clients = {name: self.imap(name) for name in ('ann', 'submitter')}
        self.assertIn('URLAUTH', joe.capability()[1][0].decode().split())
        for access, may in (('submit+joe', {'submitter'}), ('submit+ann', {'submitter'}), ('user+ann', {'ann'}),
                            ('user+ann%40example.test', {'ann'}), ('user+joe', {'joe'}),
                            ('authuser', {'joe', 'ann', 'submitter'}), ('anonymous', {'joe', 'ann', 'submitter'})):
            url = self.sign(joe, path, access)
            self.assertRegex(url, r':internal:01[0-9a-f]{64}$')
            for name, client in {'joe': joe, **clients}.items():
                found = self.fetch(client, url)
                self.assertEqual(found, DRAFT % subject if name in may else None, (access, name))

    def test_parts(self):
        text = DRAFT % b'parts'
        joe, _, path = self.draft(text)
        head, body = text.split(b'\r\n\r\n')
        for section, part in (('/;SECTION=HEADER', head + b'\r\n\r\n'), ('/;SECTION=TEXT', body), ('/;SECTION=1', body),
                              ('/;SECTION=HEADER.FIELDS%20(To)', b'To: ann@example.test\r\n\r\n'),
                              ('/;PARTIAL=6', text[6:]), ('/;SECTION=TEXT/;PARTIAL=4.4', body[4:8]), ('/;SECTION=7', None)):
            self.assertEqual(self.fetch(joe, self.sign(joe, path + section, 'authuser')), part, section)
        self.assertIn('BAD', self.bad(joe, 'GENURLAUTH', f'"imap://joe@localhost/{path}/;SECTION=NONSENSE;URLAUTH=authuser"', 'INTERNAL'))

    def test_a_large_message_is_streamed(self):
        text = DRAFT % b'large' + b'x' * 76 + b'\r\n' + (b'y' * 76 + b'\r\n') * 60000
        joe, _, path = self.draft(text)
        self.assertEqual(self.fetch(joe, self.sign(joe, path, 'authuser')), text)

    def test_what_makes_a_url_void(self):
        joe, subject, path = self.draft()
        url = self.sign(joe, path, 'authuser')
        other = self.draft()[2]
        last = '0' if url[-1] != '0' else '1'
        expired = self.sign(joe, path + ';EXPIRE=2020-01-01T00:00:00Z', 'authuser')
        for void in (url[:-1] + last, url.replace(path, other), url.replace('joe@', 'ann@'), url.replace('authuser', 'anonymous'),
                     url.replace('INBOX', 'Elsewhere'), url.replace(':internal:', ':external:'), expired,
                     expired.replace('2020', '2999'), url[:url.index('01', url.index('internal'))] + '0' * 64):
            self.assertIsNone(self.fetch(joe, void), void)
        fresh = self.sign(joe, path + ';EXPIRE=2999-01-01T00:00:00Z', 'authuser')
        self.assertEqual(self.fetch(joe, fresh), DRAFT % subject)
        self.assertEqual(self.fetch(joe, url), DRAFT % subject)
        wrong = re.sub(r'UIDVALIDITY=\d+', 'UIDVALIDITY=1', path)
        self.assertIsNone(self.fetch(joe, self.sign(joe, wrong, 'authuser')))
        self.assertIsNone(self.fetch(joe, self.sign(joe, 'INBOX/;UID=4000000000', 'authuser')))

    def test_reset(self):
        joe, subject, path = self.draft()
        self.assertEqual(joe.create('Drafts%d' % NEXT[0])[0], 'OK')
        _, second, far = self.draft(mailbox='Drafts%d' % NEXT[0])
        near, far_url = self.sign(joe, path, 'authuser'), self.sign(joe, far, 'authuser')
        status, data = joe._simple_command('RESETKEY', 'INBOX', 'INTERNAL')
        self.assertEqual((status, data[0][:18]), ('OK', b'[URLMECH INTERNAL]'))
        self.assertIsNone(self.fetch(joe, near))
        self.assertEqual(self.fetch(joe, far_url), DRAFT % second)
        again = self.sign(joe, path, 'authuser')
        self.assertNotEqual(again, near)
        self.box.kill('imapd')  # a key survives who made it
        self.box.wait_running('imapd')
        joe = waxwing.wait_until(self.connect, 'imapd')
        self.assertEqual(self.fetch(joe, again), DRAFT % subject)
        self.assertEqual(joe._simple_command('RESETKEY')[0], 'OK')
        self.assertIsNone(self.fetch(joe, again))
        self.assertIsNone(self.fetch(joe, far_url))
        # A mailbox of the same name is another one.
        mailbox = far.split(';')[0]
        url = self.sign(joe, far, 'authuser')
        self.assertEqual(joe.delete(mailbox)[0], 'OK')
        self.assertIsNone(self.fetch(joe, url))
        self.assertEqual(joe.create(mailbox)[0], 'OK')
        self.assertIsNone(self.fetch(joe, url))

    def connect(self):
        try:
            return self.imap()
        except (OSError, imaplib.IMAP4.error):
            return None

    def test_damaged_key(self):
        joe, subject, path = self.draft()
        url = self.sign(joe, path, 'authuser')
        keys = [os.path.join(folder, 'store.key') for folder, _, names in os.walk(os.path.join(self.box.root, 'store'))
                if 'store.key' in names]
        self.assertTrue(keys)
        for key in keys:
            self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
            with open(key, 'r+b') as file:
                file.seek(20)
                byte = file.read(1)
                file.seek(20)
                file.write(bytes([byte[0] ^ 1]))
        self.assertIsNone(self.fetch(joe, url))
        self.assertEqual(self.fetch(joe, self.sign(joe, path, 'authuser')), DRAFT % subject)

    def test_what_is_not_signed(self):
        joe, _, path = self.draft()
        no = ((f'"imap://ann@localhost/{path};URLAUTH=authuser"', 'INTERNAL'),
              (f'"imap://joe@elsewhere.test/{path};URLAUTH=authuser"', 'INTERNAL'),
              (f'"imap://joe@localhost/{path};URLAUTH=submit+nobody"', 'INTERNAL'),
              ('"imap://joe@localhost/Nowhere/;UID=1;URLAUTH=authuser"', 'INTERNAL'))
        for words in no:
            self.assertEqual(joe._simple_command('GENURLAUTH', *words)[0], 'NO', words)
        bad = ((f'"imap://joe@localhost/{path};URLAUTH=authuser"', 'OTHER'), (f'"imap://joe@localhost/{path}"', 'INTERNAL'),
               (f'"imap://localhost/{path};URLAUTH=authuser"', 'INTERNAL'), ('"imap://joe@localhost/INBOX;URLAUTH=authuser"', 'INTERNAL'),
               (f'"imap://joe@localhost/{path};URLAUTH=authuser"',), ('"nonsense"', 'INTERNAL'), ('x' * 60000, 'INTERNAL'))
        for words in bad:
            self.assertIn('BAD', self.bad(joe, 'GENURLAUTH', *words), words[0][:200])
        self.assertIn('BAD', self.bad(joe, 'URLFETCH', '"nonsense"'))
        self.assertIn('BAD', self.bad(joe, 'URLFETCH', f'"imap://joe@localhost/{path};URLAUTH=authuser"'))
        self.assertIn('BAD', self.bad(joe, 'RESETKEY', 'INBOX', 'OTHER'))
        self.assertEqual(joe._simple_command('RESETKEY', 'Nowhere')[0], 'NO')


class Submitting(Urls):
    def submit(self, user='joe'):
        client = self.box.submit(f'{user}@example.test', PASSWORD)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def begun(self, user='joe', recipient='ann@example.test', options=''):
        client = self.submit(user)
        self.assertEqual(client.docmd(f'MAIL FROM:<{user}@example.test>{options}')[0], 250)
        self.assertEqual(client.docmd(f'RCPT TO:<{recipient}>')[0], 250)
        return client

    def answer(self, client, url, last=' LAST'):
        code, text = client.docmd(f'BURL {url}{last}')
        return ' '.join(f'{code} {text.decode()}'.split()[:2])

    def bdat(self, client, data, last=''):
        client.send(b'BDAT %d%s\r\n' % (len(data), last.encode()) + data)
        code, text = client.getreply()
        return f'{code} {text.decode()}'[:9]

    def came(self, subject, user='ann'):
        return waxwing.wait_until(lambda: next((text for text in [newest(self.box, user)] if b'Subject: %s\r\n' % subject in text), None),
                                  f'message {subject} for {user}')

    def nothing_came(self, subject):
        """A message that was refused is in no queue and no mailbox."""
        for path in self.box.queue_files():
            with open(os.path.join(self.box.root, 'queue', path), 'rb') as file:
                self.assertNotIn(b'Subject: %s\r\n' % subject, file.read())
        ann = self.imap('ann')
        ann.select(readonly=True)
        self.assertEqual(ann.search(None, 'SUBJECT', '"%s"' % subject.decode())[1], [b''])


class Burl(Submitting):
    def test_offer(self):
        client = self.box.smtp('SUBMIT')
        self.addCleanup(client.close)
        client.starttls(context=self.box.tls())
        client.ehlo()
        self.assertEqual(client.esmtp_features['burl'], '')
        self.assertEqual(client.docmd('BURL imap://joe@localhost/INBOX/;UID=1 LAST')[0], 503)
        client.login('joe@example.test', PASSWORD)
        client.ehlo()
        self.assertEqual(client.esmtp_features['burl'], 'imap imap://localhost imap://closed imap://scripted')
        plain = self.box.smtp()
        self.addCleanup(plain.close)
        plain.ehlo()
        self.assertNotIn('burl', plain.esmtp_features)
        self.assertEqual(plain.docmd('BURL imap://joe@localhost/INBOX/;UID=1 LAST')[0], 502)

    def test_a_draft_is_sent(self):
        joe, subject, path = self.draft()
        url = self.sign(joe, path, 'submit+joe%40example.test', 'joe%40example.test')
        client = self.begun()
        self.assertEqual(self.answer(client, url), '250 2.5.0')
        self.assertIn(b'The body of a draft.', self.came(subject))
        # The session goes on.
        self.assertEqual(client.docmd('MAIL FROM:<joe@example.test>')[0], 250)

    def test_mixed_with_bdat(self):
        joe, _, path = self.draft(b'From: joe@example.test\r\nSubject: kept\r\n\r\nfrom the store\r\n')
        url = self.sign(joe, path + '/;SECTION=TEXT')
        head = b'From: joe@example.test\r\nTo: ann@example.test\r\nSubject: mixed\r\n\r\n'
        client = self.begun()
        self.assertEqual(self.bdat(client, head), '250 2.0.0')
        self.assertEqual(self.answer(client, url, ''), '250 2.5.0')
        self.assertEqual(client.docmd('DATA')[0], 503)
        self.assertEqual(self.answer(client, url, ''), '250 2.5.0')
        self.assertEqual(self.bdat(client, b'from the client\r\n', ' LAST'), '250 2.5.0')
        text = self.came(b'mixed')
        self.assertTrue(text.endswith(b'from the store\r\nfrom the store\r\nfrom the client\r\n'), text)
        client = self.begun()
        self.assertEqual(self.bdat(client, head.replace(b'mixed', b'mixed again')), '250 2.0.0')
        self.assertEqual(self.answer(client, url), '250 2.5.0')
        self.assertTrue(self.came(b'mixed again').endswith(b'from the store\r\n'))

    def test_a_failed_piece_takes_the_message_with_it(self):
        joe, _, path = self.draft()
        url = self.sign(joe, path)
        joe._simple_command('RESETKEY', 'INBOX')
        client = self.begun()
        self.assertEqual(self.bdat(client, DRAFT % b'torn'), '250 2.0.0')
        self.assertEqual(self.answer(client, url, ''), '554 5.6.6')
        self.assertEqual(self.bdat(client, b'the end\r\n', ' LAST'), '554 5.6.6')
        self.nothing_came(b'torn')
        self.assertEqual(client.docmd('MAIL FROM:<joe@example.test>')[0], 250)

    def test_refused(self):
        joe, subject, path = self.draft()
        self.draft(user='ann')
        good = self.sign(joe, path)
        expired = self.sign(joe, path + ';EXPIRE=2020-01-01T00:00:00Z')
        rows = ((expired, '554 5.6.6'), (good[:-2] + '00', '554 5.6.6'), (good.replace('INBOX', 'Elsewhere'), '554 5.6.6'),
                (good.replace('joe@', 'ann@'), '554 5.6.6'), (self.sign(joe, path, 'submit+ann'), '554 5.7.1'),
                (self.sign(joe, path, 'authuser'), '554 5.7.14'), (self.sign(joe, path, 'user+submitter'), '554 5.7.14'),
                (good[:good.index(':internal')], '554 5.7.14'), (good.replace('localhost', 'imap.example.test'), '554 5.7.14'),
                (good.replace('localhost', 'localhost:9'), '554 5.7.14'), (good.replace('localhost', '127.0.0.1'), '554 5.7.14'),
                (good.replace('localhost', '[::1]'), '554 5.7.14'), (good.replace('localhost', 'localhost.evil.test'), '554 5.7.14'),
                (good.replace('joe@', 'joe@evil.test@'), '501 5.5.4'), ('imap://localhost/', '501 5.5.4'),
                ('http://localhost/', '501 5.5.4'), ('file:///etc/passwd', '501 5.5.4'), (good.replace('INBOX', 'IN%00BOX'), '501 5.5.4'),
                (good.replace('INBOX', 'IN%0d%0ab%20LOGOUT'), '501 5.5.4'), (good.replace('INBOX', 'a"b'), '501 5.5.4'),
                (good.replace('INBOX', 'x' * 9000), '501 5.5.4'), (good + ' FIRST', '501 5.5.4'), (good + ' LAST x', '501 5.5.4'))
        for url, code in rows:
            client = self.begun()
            self.assertEqual(self.answer(client, url), code, url)
            client.close()
        self.nothing_came(subject)
        # Another user has the URL: it is not his to send.
        client = self.begun('bob')
        self.assertEqual(self.answer(client, good), '554 5.7.1')
        client = self.begun()
        self.assertEqual(self.answer(client, good), '250 2.5.0')

    def test_hostile_lines(self):
        client = self.begun()
        client.send(b'BURL imap://joe@localhost/IN\0BOX/;UID=1 LAST\r\n')
        self.assertEqual(client.getreply()[0], 500)
        client.send(b'BURL imap://joe@localhost/' + b'x' * 100000 + b' LAST\r\n')
        self.assertEqual(client.getreply()[0], 500)
        self.assertEqual(self.answer(client, '', ''), '501 5.5.4')
        self.assertEqual(client.docmd('RSET')[0], 250)
        client.docmd('MAIL FROM:<joe@example.test>')
        self.assertEqual(self.answer(client, 'imap://joe@localhost/INBOX/;UID=1'), '554 5.5.1')

    def test_bad_burls_end_the_session(self):
        client = self.submit()
        bad = 'imap://joe@evil.test/INBOX/;UID=1;URLAUTH=submit+joe:internal:' + 64 * '0'
        for n in range(1, 7):
            self.assertEqual(client.docmd('MAIL FROM:<joe@example.test>')[0], 250, n)
            self.assertEqual(client.docmd('RCPT TO:<ann@example.test>')[0], 250, n)
            self.assertEqual(self.answer(client, bad), '554 5.7.14' if n < 6 else '421 4.7.0', n)

    def test_too_large(self):
        joe, subject, path = self.draft(DRAFT % b'over the limit' + (b'y' * 76 + b'\r\n') * 3000)
        url = self.sign(joe, path)
        self.box.edit('imta.cnf', lambda text: re.sub(r'(?m)^(tcp_submit submit .*)$', r'\1 sourceblocklimit 100', text), until=self)
        self.addCleanup(self.box.publish)
        self.box.publish()
        client = self.begun()
        self.assertEqual(self.answer(client, url), '552 5.3.4')
        self.nothing_came(b'over the limit')

    def test_server_away(self):
        joe, subject, path = self.draft()
        url = self.sign(joe, path)
        client = self.begun()
        self.assertEqual(self.answer(client, url.replace('localhost', 'closed')), '451 4.4.1')
        self.nothing_came(subject)
        client.docmd('MAIL FROM:<joe@example.test>')
        client.docmd('RCPT TO:<ann@example.test>')
        self.assertEqual(self.answer(client, url), '250 2.5.0')
        self.came(subject)


class Scripted(Submitting):
    """A server of smtp.burl.hosts that does not do what it should."""
    URL = 'imap://joe@scripted/INBOX/;UID=1;URLAUTH=submit+joe:internal:01' + 64 * '0'
    LOGIN = (b'* OK hello\r\n', b'* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK\r\n', b'TAG OK\r\n',
             b'* CAPABILITY IMAP4rev1 URLAUTH\r\nTAG OK\r\n')
    script, heard = (), []

    @classmethod
    def listen(cls):
        """Greets each client with the first text of the script, and answers each line with the next; then hangs up."""
        cls.listener = socket.create_server(('127.0.0.1', 0))
        threading.Thread(target=cls.serve, daemon=True).start()
        return cls.listener.getsockname()[1]

    @classmethod
    def serve(cls):
        while True:
            try:
                peer, _ = cls.listener.accept()
            except OSError:
                return
            with peer, peer.makefile('rb') as lines:
                for n, answer in enumerate(cls.script):
                    line = lines.readline() if n else b''
                    cls.heard.append(line)
                    peer.sendall(answer.replace(b'TAG', line.split(b' ')[0]))

    def ask(self, *script):
        Scripted.script, Scripted.heard = script, []
        return self.answer(self.begun(), self.URL)

    def test_server_that_breaks_off(self):
        text = DRAFT % b'broken off'
        whole = b'* URLFETCH "%s" {%d}\r\n%s\r\nTAG OK\r\n' % (self.URL.encode(), len(text), text)
        for script in ((), (b'* BYE busy\r\n',), (b'220 smtp\r\n',), self.LOGIN[:2], self.LOGIN[:2] + (b'TAG NO\r\n',),
                       (self.LOGIN[0], b'* CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS\r\nTAG OK\r\n', b'TAG NO\r\n'),
                       (self.LOGIN[0], b'* CAPABILITY IMAP4rev1\r\nTAG OK\r\n'), self.LOGIN, self.LOGIN + (b'TAG NO\r\n',),
                       self.LOGIN + (b'TAG OK\r\n',), self.LOGIN + (whole[:-20],), self.LOGIN + (whole.replace(b'TAG OK', b'TAG NO'),),
                       self.LOGIN + (whole.replace(b'{', b'{1'),), self.LOGIN + (b'* URLFETCH x {99999999999999999999}\r\n',),
                       self.LOGIN + (b'* ' + b'x' * 40000 + b'\r\n',), self.LOGIN + (b'* OK\r\n' * 2000,)):
            self.assertEqual(self.ask(*script), '451 4.4.1', script[-1:])
        self.nothing_came(b'broken off')
        self.assertEqual(self.ask(*self.LOGIN, whole.replace(b'broken off', b'whole again')), '451 4.4.1')  # one byte more than told
        self.assertEqual(self.ask(*self.LOGIN, whole), '250 2.5.0')
        self.came(b'broken off')

    def test_server_without_urlauth(self):
        """BAD is its answer to a command that it does not know: nothing is wrong with the URL."""
        log = self.box.log('smtpd')
        for offer in (b'IMAP4rev1 AUTH=PLAIN', b'IMAP4rev1 URLAUTH=BINARY XURLAUTH', b''):
            self.assertEqual(self.ask(*self.LOGIN[:3], b'* CAPABILITY %s\r\nTAG OK\r\n' % offer, b'TAG BAD what\r\n'), '451 4.4.1')
        log.wait('smtp.burl.failed.*does not offer URLAUTH')
        # What was offered before the login does not count behind it.
        self.assertEqual(self.ask(self.LOGIN[0], b'* CAPABILITY IMAP4rev1 URLAUTH AUTH=PLAIN\r\nTAG OK\r\n', b'TAG OK\r\n',
                                  b'* CAPABILITY IMAP4rev1\r\nTAG OK\r\n', b'TAG BAD what\r\n'), '451 4.4.1')

    def test_what_it_hears(self):
        self.assertEqual(self.ask(*self.LOGIN, b'* URLFETCH "%s" NIL\r\nTAG OK\r\n' % self.URL.encode()), '554 5.6.6')
        self.assertEqual(Scripted.heard[4].split(b' ', 1)[1], b'URLFETCH "%s"\r\n' % self.URL.encode())
        self.assertEqual(self.ask(*self.LOGIN, b'TAG BAD\r\n'), '554 5.6.6')
        # No password in clear where the server says that it takes none.
        self.ask(self.LOGIN[0], b'* CAPABILITY IMAP4rev1 AUTH=PLAIN LOGINDISABLED STARTTLS\r\nTAG OK\r\n', b'TAG OK\r\n')
        self.assertNotIn(b'AUTHENTICATE', b''.join(Scripted.heard))
        text = b'Subject: quoted'
        self.assertEqual(self.ask(*self.LOGIN, b'* URLFETCH "%s" "%s"\r\nTAG OK\r\n' % (self.URL.encode(), text)), '250 2.5.0')


if __name__ == '__main__':
    waxwing.main()

#!/usr/bin/env python3
"""The programs people use, against the real thing: curl, swaks, mbsync, fetchmail, mutt, and Python's libraries."""
import os
import pty
import select
import shutil
import smtplib
import tempfile
import time
import unittest

import waxwing

PASSWORD = 'correct horse'


def setUpModule():
    box = waxwing.start_shared()
    for name in ('anna', 'ben', 'carl', 'dora', 'emil', 'frida'):
        box.user(name, PASSWORD)


def needs(program):
    return unittest.skipUnless(shutil.which(program), program + ' is not installed')


class Clients(waxwing.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='waxwing-client-')
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), 'w', newline='') as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def client(self, *words, input=None, check=True, **env):
        env = dict(self.box.env, HOME=self.folder, **env)
        return self.box.run([str(w) for w in words], input=input, env=env, check=check)

    def send(self, to, subject, body='hello\r\n'):
        with self.box.submit('anna@example.test', PASSWORD) as smtp:
            smtp.sendmail('anna@example.test', [to + '@example.test'],
                          f'From: anna@example.test\r\nTo: {to}@example.test\r\nSubject: {subject}\r\n\r\n{body}')

    # ---- Python ----
    def test_smtplib_imaplib_poplib(self):
        self.send('ben', 'by python', 'line\r\n.dot\r\n')
        self.box.wait_messages('ben', PASSWORD, 1)
        imap = self.box.imap('ben@example.test', PASSWORD)
        imap.select()
        text = imap.fetch('1', '(BODY[])')[1][0][1]
        self.assertTrue(text.endswith(b'\r\n\r\nline\r\n.dot\r\n'))
        self.assertEqual(imap.search(None, 'SUBJECT', 'python')[1], [b'1'])
        imap.logout()
        pop = self.box.pop('ben@example.test', PASSWORD)
        self.assertEqual(pop.stat()[0], 1)
        self.assertEqual(b'\r\n'.join(pop.retr(1)[1]) + b'\r\n', text)
        pop.quit()

    def test_a_wrong_password_and_relaying_are_refused(self):
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.box.submit('anna@example.test', 'wrong')
        with self.assertRaises(self.box.imap().error):
            self.box.imap('anna@example.test', 'wrong')

    # ---- curl ----
    @needs('curl')
    def test_curl_sends_and_reads(self):
        letter = self.write('letter', 'From: anna@example.test\r\nTo: carl@example.test\r\nSubject: curl\r\n\r\nby curl\r\n')
        tls = ['--silent', '--show-error', '--cacert', self.box.env['CA_FILE'], '--user', f'anna@example.test:{PASSWORD}']
        self.client('curl', *tls, '--ssl-reqd', f'smtp://127.0.0.1:{self.box.port("SUBMIT")}', '--mail-from',
                    'anna@example.test', '--mail-rcpt', 'carl@example.test', '--upload-file', letter)
        self.client('curl', *tls, f'smtps://127.0.0.1:{self.box.port("SUBMITS")}', '--mail-from',
                    'anna@example.test', '--mail-rcpt', 'carl@example.test', '--upload-file', letter)
        self.box.wait_messages('carl', PASSWORD, 2)
        tls[-1] = f'carl@example.test:{PASSWORD}'
        for url in (f'imaps://127.0.0.1:{self.box.port("IMAPS")}/INBOX;MAILINDEX=1',
                    f'pop3s://127.0.0.1:{self.box.port("POPS")}/1'):
            self.assertIn('\nby curl', self.client('curl', *tls, url).stdout, url)
        for url in (f'imap://127.0.0.1:{self.box.port("IMAP")}/INBOX;MAILINDEX=2',
                    f'pop3://127.0.0.1:{self.box.port("POP")}/2'):
            self.assertIn('\nby curl', self.client('curl', *tls, '--ssl-reqd', url).stdout, url)

    # ---- swaks ----
    @needs('swaks')
    def test_swaks_with_each_mechanism(self):
        for number, mechanism in enumerate(('PLAIN', 'LOGIN'), 1):
            out = self.client('swaks', '--server', '127.0.0.1', '--port', self.box.port('SUBMIT'), '--tls', '--auth', mechanism,
                              '--auth-user', 'anna@example.test', '--auth-password', PASSWORD, '--from', 'anna@example.test',
                              '--to', 'dora@example.test', '--header', f'Subject: swaks {mechanism}').stdout
            self.assertIn('<~  250', out)
            self.box.wait_messages('dora', PASSWORD, number)

    @needs('swaks')
    def test_swaks_cannot_relay(self):
        done = self.client('swaks', '--server', '127.0.0.1', '--port', self.box.port('SUBMIT'), '--from', 'anna@example.test',
                           '--to', 'someone@elsewhere.test', check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r'<\*\* 5[35]0')

    # ---- mbsync ----
    def mbsync(self):
        done = self.client('mbsync', '-c', self.path('mbsyncrc'), '-a')
        return done.stdout + done.stderr

    @needs('mbsync')
    def test_mbsync_keeps_both_sides_equal(self):
        self.write('mbsyncrc', f'''
IMAPAccount box
Host localhost
Port {self.box.port("IMAPS")}
User emil@example.test
Pass "{PASSWORD}"
SSLType IMAPS
SystemCertificates no
CertificateFile "{self.box.env['CA_FILE']}"

IMAPStore far
Account box

MaildirStore near
Path {self.folder}/mail/
Inbox {self.folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
''')
        os.makedirs(self.path('mail'))
        self.send('emil', 'first')
        self.send('emil', 'second')
        self.box.wait_messages('emil', PASSWORD, 2)
        imap = self.box.imap('emil@example.test', PASSWORD)
        imap.create('Work/Plans')
        self.mbsync()
        near = [os.path.join(folder, n) for sub in ('new', 'cur') for folder in [self.path('mail/INBOX/' + sub)]
                for n in os.listdir(folder)]
        self.assertEqual(len(near), 2)
        # On this side: one is read and flagged, one goes, one comes, in a folder of its own too.
        os.rename(near[0], self.path('mail/INBOX/cur/') + os.path.basename(near[0]).split(':')[0] + ':2,FS')
        os.remove(near[1])
        for place in ('INBOX', 'Work/Plans'):
            os.makedirs(self.path(f'mail/{place}/new'), exist_ok=True)
            self.write(f'mail/{place}/new/1.written.here', f'From: emil@example.test\nSubject: written here\n\nin {place}\n')
        self.mbsync()
        imap.select('INBOX')
        self.assertEqual(len(imap.search(None, 'ALL')[1][0].split()), 2)
        self.assertEqual(len(imap.search(None, 'SEEN', 'FLAGGED')[1][0].split()), 1)
        self.assertEqual(len(imap.search(None, 'SUBJECT', '"written here"')[1][0].split()), 1)
        # On the far side: everything is deleted; the near side follows.
        imap.store('1:*', '+FLAGS', '\\Deleted')
        imap.expunge()
        imap.select('Work/Plans')
        self.assertEqual(imap.search(None, 'ALL')[1], [b'1'])
        imap.logout()
        self.mbsync()
        left = sum((os.listdir(self.path('mail/INBOX/' + sub)) for sub in ('new', 'cur')), [])
        self.assertEqual(left, [])

    # ---- fetchmail ----
    @needs('fetchmail')
    def test_fetchmail_by_pop_and_imap(self):
        for protocol, port in (('pop3', 'POPS'), ('imap', 'IMAPS')):
            self.send('frida', 'for ' + protocol)
            self.box.wait_messages('frida', PASSWORD, 1)
            box = self.path(protocol + '.mbox')
            self.write('fetchmailrc', f'poll localhost protocol {protocol} port {self.box.port(port)} user "frida@example.test" '
                       f'password "{PASSWORD}" ssl sslcertck sslcertfile "{self.box.env["CA_FILE"]}" no keep '
                       f'mda "cat >> {box}"\n')
            self.client('fetchmail', '--nodetach', '-v', '-f', self.path('fetchmailrc'), '--idfile', self.path('ids'),
                        '--pidfile', self.path('pid'))
            with open(box) as f:
                self.assertIn('Subject: for ' + protocol, f.read())
            imap = self.box.imap('frida@example.test', PASSWORD)
            self.assertEqual(imap.select()[1], [b'0'])
            imap.logout()

    # ---- mutt ----
    def muttrc(self):
        port = self.box.port
        return self.write('muttrc', f'''
set ssl_starttls=yes ssl_force_tls=yes
set ssl_ca_certificates_file="{self.box.env['CA_FILE']}" ssl_verify_host=yes
set imap_user="anna@example.test" imap_pass="{PASSWORD}"
set smtp_url="smtp://anna@example.test@localhost:{port('SUBMIT')}/" smtp_pass="{PASSWORD}"
set smtp_authenticators="plain" from="anna@example.test" use_envelope_from=yes envelope_from_address="anna@example.test"
set folder="imaps://localhost:{port('IMAPS')}/" spoolfile="imaps://localhost:{port('IMAPS')}/INBOX"
set record="" header_cache="" move=no delete=yes quit=yes confirmappend=no confirmcreate=no sleep_time=0 mbox_type=mbox
''')

    @needs('mutt')
    def test_mutt_sends_and_saves(self):
        self.client('mutt', '-F', self.muttrc(), '-s', 'from mutt', 'anna@example.test', input='text by mutt\n')
        self.box.wait_messages('anna', PASSWORD, 1)
        saved = self.path('saved')
        keys = f'push "<tag-pattern>~s mutt<enter><tag-prefix><copy-message>{saved}<enter><exit>"'
        words = ['mutt', '-F', self.path('muttrc'), '-e', keys]
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe('mutt', words, dict(self.box.env, HOME=self.folder, TERM='xterm'))
        screen, end = b'', time.monotonic() + waxwing.DEADLINE
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                try:
                    screen += os.read(terminal, 65536)
                except OSError:
                    break
        else:
            os.kill(pid, 9)
        os.waitpid(pid, 0)
        self.assertTrue(os.path.exists(saved), screen[-3000:])
        with open(saved) as f:
            self.assertIn('text by mutt', f.read())


if __name__ == '__main__':
    waxwing.main()

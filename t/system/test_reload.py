#!/usr/bin/env python3
"""imsimta reload reaches every daemon and channel program: certificates, what is remembered of the directory, imta.cnf."""
import imaplib
import os
import poplib
import smtplib
import socket
import ssl
import unittest

import fake_smtp
import waxwing

PASSWORD = 'correct horse'
fake = None


def setUpModule():
    global fake
    fake = fake_smtp.FakeServer()
    unittest.addModuleCleanup(fake.close)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('smtp.client.port', fake.port)
    box.start()


class Reload(waxwing.TestCase):
    def reload(self):
        """Returns when every daemon has done it, and the dispatcher's workers are new ones."""
        logs = [self.box.log(name) for name in ('imapd', 'popd', 'job_controller', 'dispatcher')]
        workers = {name: self.box.log(name) for name in ('smtpd', 'lmtpd')}
        self.box.command('imsimta', 'reload')
        for log in logs:
            log.wait(r'daemon\.reloaded')
        for log in workers.values():
            log.wait(r'daemon\.ready')

    # ---- certificates ----
    def served(self, port, greet=None):
        """The certificate shown on a port, PEM, after the plain words that lead to TLS."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        plain = socket.create_connection(('127.0.0.1', self.box.port(port)), timeout=waxwing.DEADLINE)
        try:
            for word in greet or ():
                plain.recv(4096)
                plain.sendall(word)
            if greet:
                plain.recv(4096)
            with context.wrap_socket(plain) as secure:
                return ssl.DER_cert_to_PEM_cert(secure.getpeercert(True))
        finally:
            plain.close()

    def test_a_new_certificate_is_shown_everywhere(self):
        ports = {'IMAPS': None, 'POPS': None, 'SUBMITS': None, 'IMAP': (b'a STARTTLS\r\n',), 'POP': (b'STLS\r\n',),
                 'SMTP': (b'EHLO c\r\n', b'STARTTLS\r\n'), 'SUBMIT': (b'EHLO c\r\n', b'STARTTLS\r\n'),
                 'LMTP': (b'LHLO c\r\n', b'STARTTLS\r\n')}
        tls = os.path.join(self.box.root, 'tls')
        before = {name: self.served(name, greet) for name, greet in ports.items()}
        self.assertEqual(len(set(before.values())), 1)
        session = self.box.imap()  # was up before, and stays up
        self.box.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
                      '-keyout', f'{tls}/server.key', '-out', f'{tls}/server.pem'])
        with open(f'{tls}/server.pem') as f:
            fresh = f.read()
        self.reload()
        for name, greet in ports.items():
            with self.subTest(name):
                waxwing.wait_until(lambda: self.served(name, greet) == fresh, 'the new certificate')
        self.assertEqual(session.noop()[0], 'OK')
        session.logout()

    def test_a_broken_certificate_leaves_the_old_one_in_use(self):
        path = os.path.join(self.box.root, 'tls', 'server.pem')
        with open(path) as f:
            good = f.read()
        before = self.served('IMAPS')
        log = self.box.log('imapd')
        try:
            with open(path, 'w') as f:
                f.write('no certificate\n')
            result = self.box.command('imsimta', 'reload', check=False)
            self.assertEqual(result.returncode, 75)
            self.assertRegex(result.stdout, r'dispatcher +REFUSED .*server\.pem')
            log.wait(r'tls\.kept .*error=')
            log.wait(r'daemon\.reloaded')
            for name in ('IMAPS', 'POPS', 'SUBMITS'):
                self.assertEqual(self.served(name), before)
        finally:
            with open(path, 'w') as f:
                f.write(good)
            self.reload()

    def test_smtp_goes_on_when_no_new_worker_can_start(self):
        self.box.set_option('auth.mechanisms', 'NOSUCH')
        result = self.box.command('imsimta', 'reload', check=False)
        self.assertEqual(result.returncode, 75)
        self.assertRegex(result.stdout, r'dispatcher +REFUSED .*smtpd\.log')
        for name in ('SMTP', 'SUBMIT'):
            with self.box.smtp(name) as client:
                self.assertEqual(client.ehlo()[0], 250)
        self.box.command('msconfig', 'unset', 'auth.mechanisms')
        self.reload()

    # ---- options ----
    def test_the_log_says_which_options_changed_and_which_want_a_restart(self):
        log = self.box.log('imapd')
        self.box.command('msconfig', 'set', 'imap.idletimeout', '45', 'daemon.workers', '9')
        self.box.command('imsimta', 'reload')
        line = log.wait(r'daemon\.reloaded')
        self.assertIn('changed=imap.idletimeout', line)
        self.assertIn('wants_restart=daemon.workers', line)
        # It is told of as long as it is so, and no longer.
        again = self.box.command('imsimta', 'reload').stdout
        self.assertIn('start-msg --restart imapd for daemon.workers', again)
        self.assertNotIn('imap.idletimeout', again)
        status = self.box.command('start-msg', '--status').stdout
        self.assertIn('imapd runs with an earlier value of daemon.workers', status)
        self.box.command('msconfig', 'revert')
        self.assertNotIn('--restart', self.box.command('imsimta', 'reload').stdout)
        self.assertNotIn('earlier value', self.box.command('start-msg', '--status').stdout)

    # ---- the directory ----
    def answers(self, user):
        """What each daemon makes of a user now: True where it is fine."""
        address = f'{user}@{self.box.domain}'
        found = {}

        def note(name, attempt):
            try:
                attempt()
                found[name] = True
            except (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException):
                found[name] = False
        note('imap', lambda: self.box.imap(address, PASSWORD).logout())
        note('pop', lambda: self.box.pop(address, PASSWORD).quit())
        note('submit', lambda: self.box.submit(address, PASSWORD).quit())
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@remote.test')
            found['smtp'] = client.rcpt(address)[0] == 250
        with smtplib.LMTP('127.0.0.1', self.box.port('LMTP'), local_hostname='c.test') as client:
            client.ehlo('c.test')
            client.mail('a@remote.test')
            found['lmtp'] = client.rcpt(address)[0] == 250
        return found

    def test_what_changed_in_the_directory_holds_at_once(self):
        self.box.user('joe', PASSWORD)
        self.assertEqual(set(self.answers('joe').values()), {True})
        self.box.command('commadmin', 'user', 'modify', '--uid', 'joe', '--status', 'inactive')
        self.reload()
        waxwing.wait_until(lambda: not any(self.answers('joe').values()), 'joe to be refused everywhere')
        self.box.command('commadmin', 'user', 'modify', '--uid', 'joe', '--status', 'active')
        self.reload()
        waxwing.wait_until(lambda: all(self.answers('joe').values()), 'joe to be welcome everywhere')

    # ---- channel programs ----
    def test_a_channel_program_at_work_takes_a_new_configuration(self):
        old, new = fake.host(), fake.host()
        self.box.edit('local.rules', 'moving.test $U%$D@moving-daemon\n')

        def publish(host):
            channel = f'\ntcp_moving smtp_crlf pool SMTP_POOL daemon [{host.address}]\nmoving-daemon\n'
            self.box.edit('imta.cnf', lambda text: text.partition('\ntcp_moving')[0] + channel)
            self.box.command('imsimta', 'cnbuild')
            self.reload()

        def send(number):
            def accepted():
                try:
                    with self.box.smtp() as client:
                        client.sendmail('joe@example.test', [f'u{number}@moving.test'], 'Subject: out\r\n\r\nx\r\n')
                    return True
                except smtplib.SMTPException:
                    return False  # by a worker that does not know the channel yet
            waxwing.wait_until(accepted, 'the channel to be known')
        publish(old)
        send(1)
        old.wait_messages(1)
        publish(new)
        send(2)
        new.wait_messages(1)
        self.assertEqual(len(old.messages), 1)


if __name__ == '__main__':
    waxwing.main()

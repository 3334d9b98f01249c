#!/usr/bin/env python3
"""TLS as the options of msg.conf promise it, on every port that has it from the first byte."""
import base64
import hashlib
import hmac
import imaplib
import os
import ssl
import socket
import subprocess

import waxwing

PORTS = ('IMAPS', 'POPS', 'SUBMITS')
PASSWORD = 'correct horse'
OTHER = 'mail.other.test'


def make_certificate(folder, name, subject, *more):
    """A self-signed certificate and its key: name.pem, name.key."""
    path = os.path.join(folder, name)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-subj', subject, *more, '-keyout', path + '.key', '-out', path + '.pem'], check=True, capture_output=True)
    with open(path + '.pem') as f:
        return f.read()


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    tls = os.path.join(box.root, 'tls')
    Tls.other = make_certificate(tls, 'other', '/CN=' + OTHER, '-addext', 'subjectAltName=DNS:' + OTHER)
    make_certificate(tls, 'joe', '/CN=joe/emailAddress=joe@example.test')
    make_certificate(tls, 'nobody', '/CN=joe/emailAddress=joe@example.test')
    box.set_option('tls.sni.other.certificate', 'tls/other.pem')
    box.set_option('tls.sni.other.key', 'tls/other.key')
    box.set_option('tls.clientca', 'tls/joe.pem')
    box.set_option('smtp.proxy.hosts', '127.8.0.1')
    box.set_option('auth.mechanisms', 'SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN EXTERNAL')
    box.start()
    box.user('joe', PASSWORD)


class Tls(waxwing.TestCase):
    def open(self, port, name=None, session=None, context=None):
        context = context or self.lenient()
        plain = socket.create_connection(('127.0.0.1', self.box.port(port)), timeout=waxwing.DEADLINE)
        self.addCleanup(plain.close)
        secure = context.wrap_socket(plain, server_hostname=name, session=session)
        self.addCleanup(secure.close)
        return secure

    def lenient(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def test_a_client_that_names_a_host_gets_its_certificate(self):
        with open(os.path.join(self.box.root, 'tls', 'server.pem')) as f:
            usual = f.read()
        for port in PORTS:
            for name, expected in ((OTHER, self.other), (None, usual), ('unknown.test', usual)):
                with self.subTest(port, name=name):
                    shown = ssl.DER_cert_to_PEM_cert(self.open(port, name).getpeercert(True))
                    self.assertEqual(shown.strip(), expected.strip())

    def test_nothing_older_than_tls_1_2(self):
        for port in PORTS:
            context = self.lenient()
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
            with self.subTest(port), self.assertRaises((ssl.SSLError, ConnectionError)):
                self.open(port, context=context)
            context = self.lenient()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            self.assertEqual(self.open(port, context=context).version(), 'TLSv1.2')
            self.assertEqual(self.open(port).version(), 'TLSv1.3')

    def test_sessions_resume(self):
        for port in PORTS:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(port, version=version.name):
                    context = self.lenient()
                    context.minimum_version = context.maximum_version = version
                    first = self.open(port, context=context)
                    first.recv(200)  # the greeting; TLS 1.3 tickets came before it
                    self.assertFalse(first.session_reused)
                    again = self.open(port, session=first.session, context=context)
                    again.recv(200)
                    self.assertTrue(again.session_reused)

    def external(self, certificate):
        """imapd's answer to AUTHENTICATE EXTERNAL after a TLS handshake with this client certificate."""
        context = self.lenient()
        if certificate:
            path = os.path.join(self.box.root, 'tls', certificate)
            context.load_cert_chain(path + '.pem', path + '.key')
        secure = self.open('IMAPS', context=context)
        greeting = secure.recv(4096)
        secure.sendall(b'a AUTHENTICATE EXTERNAL =\r\n')
        return greeting, secure.recv(4096)

    # ---- a login that is bound to the connection ----
    def scram_plus(self, bound_to):
        """IMAP AUTHENTICATE SCRAM-SHA-256-PLUS with tls-server-end-point; bound_to: the DER of a certificate."""
        header = b'p=tls-server-end-point,,'
        first = b'n=joe,r=' + base64.b64encode(os.urandom(12))
        state = {}

        def answer(challenge):
            if not challenge:
                return header + first
            if challenge.startswith(b'v='):
                state['verifier'] = challenge
                return b''
            nonce, salt, count = (field[2:] for field in challenge.split(b','))
            salted = hashlib.pbkdf2_hmac('sha256', PASSWORD.encode(), base64.b64decode(salt), int(count))
            digest = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()
            # P-256 certificates of this test are signed with SHA-256.
            final = b'c=' + base64.b64encode(header + hashlib.sha256(bound_to).digest()) + b',r=' + nonce
            said = first + b',' + challenge + b',' + final
            key = digest(salted, b'Client Key')
            proof = bytes(a ^ b for a, b in zip(key, digest(hashlib.sha256(key).digest(), said)))
            state['expected'] = b'v=' + base64.b64encode(digest(digest(salted, b'Server Key'), said))
            return final + b',p=' + base64.b64encode(proof)

        client = self.box.imap()
        try:
            self.assertIn('AUTH=SCRAM-SHA-256-PLUS', client.capabilities)
            client.authenticate('SCRAM-SHA-256-PLUS', answer)
            self.assertEqual(state['verifier'], state['expected'])
            return client.sock.getpeercert(True)
        finally:
            client.shutdown()

    def test_a_login_that_is_bound_to_the_connection(self):
        mine = ssl.PEM_cert_to_DER_cert(open(self.box.env['CA_FILE']).read())
        self.assertEqual(self.scram_plus(mine), mine)
        # Somebody in the middle would show a certificate of his own.
        with self.assertRaises(imaplib.IMAP4.error):
            self.scram_plus(ssl.PEM_cert_to_DER_cert(self.other))
        plain = self.box.imap(tls=False)
        self.assertNotIn('AUTH=SCRAM-SHA-256-PLUS', plain.capabilities)
        plain.logout()

    def test_an_old_password_is_good_for_logintime_at_most(self):
        user = self.box.user('changing', 'first one')
        self.box.imap(user, 'first one').logout()
        self.box.set_option('directory.logintime', '0')
        self.box.restart('imapd')
        self.box.imap(user, 'first one').logout()
        self.box.command('commadmin', 'user', 'modify', '--uid', 'changing', '--password', 'second one')
        with self.assertRaises(imaplib.IMAP4.error):
            self.box.imap(user, 'first one')
        self.box.imap(user, 'second one').logout()

    def test_tls_begins_right_behind_the_header_of_a_proxy(self):
        """Header and ClientHello come in one packet from a balancer."""
        header = b'PROXY TCP4 192.0.2.77 192.0.2.2 4711 465\r\n'
        for cut in (len(header), 10, len(header) + 5):
            with self.subTest(cut):
                plain = socket.create_connection(('127.0.0.1', self.box.port('SUBMITS')), timeout=waxwing.DEADLINE,
                                                 source_address=('127.8.0.1', 0))
                self.addCleanup(plain.close)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
                secure = self.lenient().wrap_bio(come, go)
                with self.assertRaises(ssl.SSLWantReadError):
                    secure.do_handshake()
                said = header + go.read()
                plain.sendall(said[:cut])
                plain.sendall(said[cut:])
                while True:
                    try:
                        self.assertTrue(secure.read(1000).startswith(b'220 '))
                        break
                    except ssl.SSLWantReadError:
                        plain.sendall(go.read())
                        come.write(plain.recv(65536))

    def test_a_client_certificate_is_a_login(self):
        greeting, answer = self.external('joe')
        self.assertIn(b'AUTH=EXTERNAL', greeting)
        self.assertTrue(answer.startswith(b'a OK'), answer)
        greeting, answer = self.external(None)
        self.assertNotIn(b'AUTH=EXTERNAL', greeting)
        self.assertTrue(answer.startswith(b'a NO'), answer)
        try:  # signed by nobody that is trusted
            self.assertFalse(self.external('nobody')[1].startswith(b'a OK'))
        except (ssl.SSLError, ConnectionError):
            pass


if __name__ == '__main__':
    waxwing.main()

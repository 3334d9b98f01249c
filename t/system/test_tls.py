#!/usr/bin/env python3
"""TLS as the options of msg.conf promise it, on every port that has it from the first byte."""
import os
import ssl
import socket
import subprocess
import unittest

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

"""The inputs of the fuzz targets, said to the real daemons: whatever they say, the daemon goes on."""
import errno
import os
import socket

import waxwing

CORPUS = os.path.join(waxwing.TOP, 't', 'fuzz', 'corpus')
POP = [
    b'USER joe\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL 1\r\nTOP 1 0\r\nRETR 99999999999\r\nDELE -1\r\nRSET\r\nQUIT\r\n',
    b'APOP joe 0123456789abcdef0123456789abcdef\r\nAPOP\r\nAPOP  \r\nAUTH\r\nAUTH PLAIN AGpvZQBzZWNyZXQ=\r\nTOP 1\r\n',
    b'AUTH PLAIN\r\n*\r\nAUTH PLAIN =\r\nAUTH NONE x y\r\nAUTH SCRAM-SHA-256 biws\r\n\xff\r\n\0\r\nUSER \xff\0\r\nPASS\r\n',
    b'USER joe\r\nPASS secret\r\nTOP 1 99999999999999999999\r\nTOP -1 -1\r\nLIST 0\r\nLIST x\r\nUIDL 1 2\r\nDELE\r\nNOOP x',
    b'STLS\r\nUSER joe\r\n' + b'x' * 100000 + b'\r\nQUIT\r\n',
    b'\r\n\n\n \r\nQUIT \r\n',
]


def setUpModule():
    waxwing.start_shared().user('joe', 'secret')


class HostileSessions(waxwing.TestCase):
    def say(self, port, data):
        """Everything at once behind the greeting, and what the daemon said to it."""
        with socket.create_connection(('127.0.0.1', port), timeout=waxwing.DEADLINE) as client:
            answer = client.recv(65536)  # before it can be lost to a reset
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while piece := client.recv(65536):
                    answer += piece
            except OSError as error:  # it closed with our bytes unread
                self.assertIn(error.errno, (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN))
        return answer

    def corpus(self, target):
        folder = os.path.join(CORPUS, target)
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), 'rb') as file:
                yield name, file.read()[1:]  # the first byte is for the target

    def play(self, service, port, sessions, greeting):
        before = self.box.pid(service)
        for name, data in sessions:
            with self.subTest(service=service, input=name):
                self.assertTrue(self.say(self.box.port(port), data).startswith(greeting))
        self.assertEqual(self.box.pid(service), before)

    def test_smtp(self):
        self.play('dispatcher', 'SMTP', self.corpus('smtp'), b'220 ')
        self.play('dispatcher', 'SUBMIT', self.corpus('smtp'), b'220 ')

    def test_lmtp(self):
        lmtp = [(name, data.replace(b'EHLO', b'LHLO')) for name, data in self.corpus('smtp')]
        self.play('dispatcher', 'LMTP', lmtp, b'220 ')

    def test_imap(self):
        login = b'x LOGIN joe secret\r\nx SELECT INBOX\r\n'
        self.play('imapd', 'IMAP', self.corpus('imap'), b'* OK')
        self.play('imapd', 'IMAP', [(name, login + data) for name, data in self.corpus('imap')], b'* OK')

    def test_pop(self):
        self.play('popd', 'POP', enumerate(POP), b'+OK')

    def tearDown(self):
        log = os.path.join(self.box.root, 'log')
        for name in os.listdir(log):
            with open(os.path.join(log, name), errors='replace') as file:
                for line in file:
                    self.assertNotRegex(line, r'exception|imap\.bug|worker\.gone .*drained=0|watcher\.dies')


if __name__ == '__main__':
    waxwing.main()

#!/usr/bin/env python3
"""SMTP as a client (tcp_smtp_client): what it says to others."""
import os
import re
import unittest

import fake_smtp
import waxwing
from smtp_wire import PASSWORD, newest

fake = None


def setUpModule():
    global fake
    fake = fake_smtp.FakeServer()
    unittest.addModuleCleanup(fake.close)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')  # what arrives is read by POP3
    box.set_option('smtp.client.port', fake.port)
    box.start()
    for name in ('joe', 'bob'):
        box.user(name, PASSWORD)


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

"""What more channel keywords of imta.cnf(5) do; test_keywords tells how the channels are made."""
import smtplib
import socket
import threading
import unittest

import fake_dns
import test_keywords as keywords
import waxwing
from smtp_wire import newest

PASSWORD = keywords.PASSWORD


def setUpModule():
    keywords.set_up((Inbound, Outbound), prepare)


def prepare(box):
    box.edit('mappings', '\nPERSONAL_NAMES\n\n  Joe  $YJoseph\n')
    box.write_config(Outbound.channel('trim') + '_headers.opt', 'X-Secret: MAXIMUM=-1\nOrganization: FILL="Example"\n')


class Inbound(waxwing.TestCase):
    limits = {
        'msexchange maysaslserver': 'exchange', 'nonotary': 'nonotary', 'utf8strict': 'strict', 'norelaxheadertermination': 'strays',
        'remotehost': 'remote', 'receivedfrom': 'from', 'acceptalladdresses': 'all', 'identtcp': 'ident', 'identtcpsymbolic': 'symbolic',
        'maxprocchars 60': 'proc', 'reportboth': 'report', 'wrapsmtplonglines charset8 iso-8859-1': 'wrap', 'reportheader': 'header',
    }
    at = {}
    declare = classmethod(keywords.Inbound.declare.__func__)
    wire, begun, send = keywords.Inbound.wire, keywords.Inbound.begun, keywords.Inbound.send

    def delivered(self, at, text, sender=b'a@remote.test', to=b'ann@example.test'):
        """The message as it came to ann."""
        marked = b'X-Mark: %s-%d\r\n' % (at.encode(), len(text)) + text
        wire = self.wire(at)
        self.assertEqual(wire.ask(b'MAIL FROM:<%s>' % sender)[:3], '250')
        self.assertEqual(wire.ask(b'RCPT TO:<%s>' % to)[:3], '250')
        self.assertEqual(self.send(wire, marked)[:3], '250')
        self.box.wait_queue_empty('ims-ms')
        message = newest(self.box, 'ann')
        self.assertIn(marked.split(b'\r\n')[0], message)
        return message

    def test_what_is_offered(self):
        with self.box.smtp(source_address=(self.at['exchange'], 0)) as client:
            client.starttls(context=self.box.tls())
            client.ehlo()
            self.assertRegex(client.ehlo_resp, rb'AUTH=[A-Z]')
        wire = self.wire('nonotary')
        self.assertNotIn('DSN', self.hello)
        wire.ask(b'MAIL FROM:<a@remote.test>')
        self.assertEqual(wire.ask(b'RCPT TO:<joe@example.test> NOTIFY=NEVER')[:3], '555')

    def test_headers_that_are_not_ascii(self):
        wire = self.begun('strict', b'joe@example.test')
        self.assertEqual(self.send(wire, 'Subject: gr\u00fcn\r\n\r\nx'.encode())[:9], '554 5.6.7')
        wire.ask(b'MAIL FROM:<a@remote.test> SMTPUTF8 BODY=8BITMIME')
        wire.ask(b'RCPT TO:<joe@example.test>')
        self.assertEqual(self.send(wire, 'Subject: gr\u00fcn\r\n\r\nx'.encode())[:3], '250')

    def test_lines_that_are_no_header_fields(self):
        message = self.delivered('strays', b'Subject: s\r\nthis is no field\r\nX-After: y\r\n\r\nbody')
        self.assertIn(b'\r\nX-After: y\r\n\r\nbody', message)
        self.assertNotIn(b'this is no field', message)

    def test_bare_addresses_belong_to_the_peer(self):
        message = self.delivered('remote', b'From: somebody\r\nTo: ann@example.test\r\n\r\nbody', sender=b'bare')
        self.assertIn(b'From: somebody@c.test\r\n', message)
        self.assertIn(b'Return-Path: <bare@c.test>', message)

    def test_received_tells_the_sender_as_it_was_given(self):
        self.assertIn(b'(original envelope From bare)', self.delivered('from', b'Subject: s\r\n\r\nbody', sender=b'bare'))
        self.assertNotIn(b'original envelope From', self.delivered('from', b'Subject: t\r\n\r\nbody.'))

    def test_every_address_is_accepted_and_wrong_ones_come_back(self):
        wire = self.wire('all')
        wire.ask(b'MAIL FROM:<joe@example.test>')
        self.assertEqual(wire.ask(b'RCPT TO:<nobody@example.test>')[:3], '250')
        self.assertEqual(self.send(wire, b'Subject: lost\r\n\r\nx')[:3], '250')
        def came_back():
            message = newest(self.box, 'joe')
            return message if b'nobody@example.test' in message and b'Delivery has failed' in message else None
        waxwing.wait_until(came_back, 'the notice')

    def test_ident(self):
        for at, address in (('ident', b'[127.9.'), ('symbolic', b')')):
            try:
                server = socket.create_server((self.at[at], 113))
            except PermissionError:
                self.skipTest('port 113 is for root')
            self.addCleanup(server.close)
            asked = []
            def serve(server=server, asked=asked):
                peer, _ = server.accept()
                with peer:
                    asked.append(peer.recv(1000))
                    peer.sendall(asked[0].strip() + b' : USERID : UNIX : somebody\r\n')
            threading.Thread(target=serve, daemon=True).start()
            message = self.delivered(at, b'Subject: s\r\n\r\nbody')
            self.assertRegex(asked[0], rb'^[0-9]+, [0-9]+\r\n$')
            self.assertIn(b'(somebody@' + address, message)

    def test_long_fields_are_not_processed(self):
        bare = b'To: bare' + b', x@y.test' * 8 + b'\r\n'
        self.assertIn(bare, self.delivered('proc', bare + b'Cc: short\r\n\r\nbody'))
        self.assertNotIn(b'Cc: short\r\n', newest(self.box, 'ann'))

    def test_receipts(self):
        for at, line, wish, told in (('report', b'Return-Receipt-To: joe@example.test\r\n', b'', True),
                                     ('header', b'', b' NOTIFY=SUCCESS', False)):
            wire = self.wire(at)
            wire.ask(b'MAIL FROM:<bob@example.test>')
            self.assertEqual(wire.ask(b'RCPT TO:<ann@example.test>' + wish)[:3], '250')
            log = self.box.log('ims_master')
            self.assertEqual(self.send(wire, line + b'Subject: receipt\r\n\r\nx')[:3], '250')
            log.wait(r'mta\.delivered ')
            self.assertEqual(bool([each for each in log.lines if 'notify.sent' in each]), told, at)

    def test_a_form_of_the_source(self):
        message = self.delivered('wrap', b'Subject: long\r\n\r\n' + b'\xe9' + b'x' * 3000)
        self.assertLessEqual(max(len(line) for line in message.split(b'\r\n')), 998)
        self.assertIn(b'Content-Type: text/plain; charset=iso-8859-1\r\n', message)
        self.assertEqual(message.count(b'x') >= 3000, True)


class Outbound(waxwing.TestCase):
    submit = keywords.Outbound.submit

    @classmethod
    def declare(cls):
        cls.servers = fake_dns.FakeDns({})
        unittest.addModuleCleanup(cls.servers.close)
        cls.to = {}
        def out(name, keys, **script):
            cls.to[name] = keywords.channel_out(keys, **script)
        out('other', '')
        other = cls.channel('other')
        out('alternate', f'alternatechannel {other} alternateblocklimit 2 alternatelinelimit 40 alternaterecipientlimit 2')
        out('sensitive', 'sensitivitypersonal')
        out('percent', '733')
        out('bang', 'uucp')
        out('routelocal', 'routelocal')
        number = len(keywords.outbound) + 1
        out('verify', 'domainvrfy', vrfy={f'u1@routed{number}.test': '550 5.1.1 never heard of'})
        out('local', 'localvrfy', vrfy={'u1': '550 5.1.1 never heard of'})
        out('etrn', 'sendetrn mine.test', extensions=('ETRN',))
        out('eager', 'streaming 1', extensions=())
        out('patient', 'streaming 0')
        out('nocache', 'nocache')
        out('cache', '')
        out('nodsn', 'nonotary', extensions=('DSN',))
        out('wide', 'utf8header', extensions=('8BITMIME',))
        out('servers', f'nomx daemon router nameservers {cls.servers.address}')
        number = len(keywords.outbound)
        cls.servers.table[f'out{number}-daemon'] = {'A': [cls.to['servers'][1].address]}
        out('trim', 'headertrim')
        out('form', 'personalmap maxheaderaddrs 1 x_env_to single')
        out('pieces', 'maxlines 30')
        out('postmaster', 'aliaspostmaster')

    @classmethod
    def channel(cls, name):
        return 'tcp_' + cls.to[name][0].split('.')[0]

    def test_another_channel_for_what_is_over_a_limit(self):
        other, host = self.to['other'][1], self.to['alternate'][1]
        self.submit('alternate').wait_messages(1)
        for count, (recipients, text) in enumerate(((3, b'Subject: r\r\n\r\nx\r\n'), (1, b'Subject: b\r\n\r\n' + b'x' * 70 + b'\r\n' + b'y' * 3000),
                                                    (1, b'Subject: l\r\n\r\n' + b'x\r\n' * 50)), 1):
            self.submit('alternate', recipients, text)
            other.wait_messages(count)
        self.assertEqual(len(host.messages), 1)

    def test_sensitivity(self):
        with self.assertRaises(smtplib.SMTPDataError):
            self.submit('sensitive', text=b'Subject: s\r\nSensitivity: private\r\n\r\nx\r\n')
        self.submit('sensitive', text=b'Subject: s\r\nSensitivity: Personal\r\n\r\nx\r\n').wait_messages(1)

    def test_styles_of_addresses(self):
        for name, expected in (('percent', 'u%routed{0}.test@out{0}-daemon'), ('bang', 'out{0}-daemon!routed{0}.test!u')):
            domain, host = self.to[name]
            number = domain[3:-5]
            with self.box.smtp() as client:
                client.sendmail('joe@example.test', [f'u@routed{number}.test'], b'Subject: routed\r\n\r\nx\r\n')
            message = host.wait_messages(1)[0]
            self.assertEqual(message.rcpts, [f'RCPT TO:<{expected.format(number)}>'], name)
        self.assertIn('<example.test!joe>', message.mail)

    def test_routes_are_taken_out(self):
        domain, host = self.to['routelocal']
        with self.box.smtp() as client:
            client.sendmail('joe@example.test', [f'u%{domain}@{domain}'], b'Subject: routed\r\n\r\nx\r\n')
        self.assertEqual(host.wait_messages(1)[0].rcpts, [f'RCPT TO:<u@{domain}>'])

    def test_recipients_are_verified(self):
        for name in ('verify', 'local'):
            log = self.box.log('tcp_smtp_client')
            domain, host = self.to[name]
            routed = f'routed{domain[3:-5]}.test'
            with self.box.smtp() as client:
                client.sendmail('joe@example.test', [f'u{n}@{routed}' for n in (0, 1)], b'Subject: v\r\n\r\nx\r\n')
            self.assertEqual(len(host.wait_messages(1)[0].rcpts), 1, name)
            log.wait(r'mta\.failed .*u1@' + routed + '.*never heard of')

    def test_what_the_client_says(self):
        host = self.submit('etrn')
        host.wait_messages(1)
        self.assertIn('ETRN mine.test', host.commands)
        host = self.submit('eager')
        host.wait_messages(1)
        self.assertTrue([line for line in host.early if line.startswith('MAIL')], host.commands)
        self.assertFalse([line for line in host.early if line.startswith('RCPT')], 'DATA waits')
        host = self.submit('patient', 2)
        host.wait_messages(1)
        self.assertEqual(host.together, [])

    def test_connections_are_kept_or_not(self):
        for name, connections in (('cache', 1), ('nocache', 2)):
            self.submit(name).wait_messages(1)
            host = self.submit(name)
            host.wait_messages(2)
            self.assertEqual(host.connections, connections, name)

    def test_no_dsn(self):
        domain, host = self.to['nodsn']
        with self.box.smtp() as client:
            client.sendmail('joe@example.test', [f'u0@{domain}'], b'Subject: s\r\n\r\nx\r\n', rcpt_options=['NOTIFY=FAILURE'])
        self.assertEqual(host.wait_messages(1)[0].rcpts, [f'RCPT TO:<u0@{domain}>'])

    def test_utf8_headers_without_smtputf8(self):
        domain, host = self.to['wide']
        with self.box.smtp() as client:
            client.sendmail('joe@example.test', [f'u0@{domain}'], 'Subject: gr\u00fcn\r\n\r\nx\r\n'.encode(),
                            mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
        message = host.wait_messages(1)[0]
        self.assertIn('gr\u00fcn'.encode(), message.data)
        self.assertNotIn('SMTPUTF8', message.mail)

    def test_name_servers_of_a_channel(self):
        self.submit('servers').wait_messages(1)
        self.assertTrue([name for name, _ in self.servers.asked if name.endswith('-daemon')], self.servers.asked)

    def test_forms(self):
        message = self.submit('trim', text=b'X-Secret: s\r\nSubject: t\r\n\r\nbody\r\n').wait_messages(1)[0]
        self.assertNotIn(b'X-Secret', message.data)
        self.assertIn(b'organization: Example\r\n', message.data)
        self.assertTrue(message.data.endswith(b'\r\n\r\nbody\r\n'))
        text = b'To: Joe <a@x.test>, Ann <b@x.test>\r\nSubject: f\r\n\r\n' + b'body\r\n' * 30000
        messages = self.submit('form', 2, text).wait_messages(2)
        for message in messages:
            self.assertIn(b'To: Joseph <a@x.test>\r\nTo: Ann <b@x.test>\r\n', message.data)
            self.assertEqual(message.data.count(b'\r\nbody'), 30000)
        self.assertEqual(sorted(m.data.count(f'X-Envelope-to: u{n}@{self.to["form"][0]}\r\n'.encode()) for m in messages for n in (0, 1)), [0, 0, 1, 1])

    def test_pieces(self):
        lines = b''.join(b'line %d\r\n' % n for n in range(100))
        host = self.submit('pieces', text=b'Subject: p\r\n\r\n' + lines)
        total = int(host.wait_messages(1)[0].data.split(b'total=')[1].split(b'\r\n')[0])
        messages = host.wait_messages(total)
        self.assertLessEqual(max(message.data.count(b'\r\n') for message in messages), 30)  # with their headers
        messages.sort(key=lambda message: message.data.index(b'number='))
        for message in messages:
            self.assertIn(b'message/partial', message.data)
        pieces = sorted(messages, key=lambda message: int(message.data.split(b'number=')[1].split(b';')[0]))
        self.assertTrue(b''.join(m.data.split(b'\r\n\r\n', 1)[1] for m in pieces).endswith(b'\r\n\r\n' + lines))

    def test_a_message_of_too_many_pieces_is_refused(self):
        log = self.box.log('smtpd')
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.submit('pieces', text=b'Subject: p\r\n\r\n' + b'line\r\n' * 31000)
        self.assertEqual(refused.exception.smtp_code, 554)
        self.assertRegex(refused.exception.smtp_error, br'5\.3\.4 The message would be sent in \d+ pieces')
        log.wait(r'mta\.form\.too_many_pieces .*pieces=')

    def test_the_postmaster_of_a_channel_is_ours(self):
        shown = self.box.command('imsimta', 'test', '-rewrite', f"postmaster@{self.to['postmaster'][0]}", check=False).stdout
        self.assertNotIn('on channel ' + self.channel('postmaster'), shown)
        shown = self.box.command('imsimta', 'test', '-rewrite', f"other@{self.to['postmaster'][0]}", check=False).stdout
        self.assertIn('on channel ' + self.channel('postmaster'), shown)


if __name__ == '__main__':
    waxwing.main()

"""SMTP extensions that a channel offers by keyword: time and priority. test_keywords tells how the channels are made."""
import base64
import contextlib
import datetime
import email
import json
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
import unittest

import fake_smtp
import test_keywords as keywords
import waxwing
from smtp_wire import Wire, newest

KNOWS = ('PIPELINING', '8BITMIME', 'DSN', 'DELIVERBY', 'MT-PRIORITY MIXER')


def setUpModule():
    keywords.set_up((Extensions, Client, Passed, Forwarded, Far, Tables), prepare, options)
    Far.listen()


def prepare(box):
    box.edit('mappings', lambda text: text.replace(
        'PORT_ACCESS\n\n', 'PORT_ACCESS\n\n  TCP|*|*|192.0.2.66|*  $N554$ 5.7.1$ not$ you\n', 1) + Tables.mappings())
    box.edit('option.dat', 'BLOCKED_MAIL_FROM_IPS=127.0.0.1,192.0.2.0/24\nSRS_DOMAIN=srs.example.test\nSRS_SECRETS=one key,another\n')


def options(box):
    Client.options(box)
    box.set_option('smtp.proxy.hosts', '127.8.0.1')
    box.set_option('smtp.xclient.hosts', '127.8.0.2')


class Extensions(waxwing.TestCase):
    limits = {'futurerelease 3600 deliverby 30 mtprioritiesallowed': 'all', 'mtprioritiesrequired': 'required', '': 'plain'}
    at = {}

    @classmethod
    def declare(cls):
        keywords.Inbound.declare.__func__(cls)
        cls.to = {'knows': keywords.channel_out('', extensions=KNOWS), 'ignorant': keywords.channel_out('', extensions=('DSN',)),
                  'strict': keywords.channel_out('mtprioritiesrequired', extensions=())}

    wire, send = keywords.Inbound.wire, keywords.Inbound.send

    def submit(self, name, parameters, text=b'Subject: x\r\n\r\nx\r\n', at='all', rcpt=b''):
        domain, host = self.to[name]
        wire = self.wire(at)
        for line in (b'MAIL FROM:<ann@example.test>' + parameters, b'RCPT TO:<u@%s>' % domain.encode() + rcpt):
            self.assertEqual(wire.ask(line)[:3], '250', line)
        self.assertEqual(self.send(wire, text)[:3], '250')
        return host

    def report(self, about):
        """The newest notification to ann, which is about this address."""
        def look():
            text = newest(self.box, 'ann')
            return text if about.encode() in text and b'delivery-status' in text else None
        return waxwing.wait_until(look, f'a report about {about}')

    def test_what_is_offered(self):
        self.wire('plain')
        self.assertNotRegex(self.hello, 'FUTURERELEASE|DELIVERBY|MT-PRIORITY')
        wire = self.wire('all')
        self.assertRegex(self.hello, r'FUTURERELEASE 3600 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ')
        self.assertIn('250-DELIVERBY 30\n', self.hello)
        self.assertIn('250-MT-PRIORITY MIXER\n', self.hello)
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test> HOLDFOR=3601')[:9], '501 5.5.4')
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test> BY=10;R')[:3], '555')
        wire = self.wire('plain')
        for parameter in (b'HOLDFOR=10', b'BY=100;R', b'MT-PRIORITY=1'):
            self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test> ' + parameter)[:3], '555')

    def test_a_byte_at_a_time(self):
        wire = self.wire('all')
        for byte in b'MAIL FROM:<a@remote.test> HOLDFOR=60 BY=120;RT MT-PRIORITY=-5\r\n':
            wire.send(bytes([byte]))
        self.assertEqual(wire.reply()[:3], '250')

    def test_held_until_its_time(self):
        begun = time.time()
        host = self.submit('knows', b' HOLDFOR=3')
        listing = self.box.command('imsimta', 'qm', 'directory', '-envelope', 'tcp_' + self.to['knows'][0].split('.')[0]).stdout
        self.assertIn('not before', listing)
        count = len(host.messages)
        host.wait_messages(count + 1)
        self.assertGreaterEqual(time.time() - begun, 2.9)
        self.assertNotIn('HOLD', host.messages[-1].mail)

    def test_priority_and_time_go_on(self):
        host = self.submit('knows', b' MT-PRIORITY=5 BY=600;R')
        host.wait(lambda: [m for m in host.messages if 'MT-PRIORITY=5' in m.mail], 'the message')
        message = [m for m in host.messages if 'MT-PRIORITY=5' in m.mail][0]
        left = int(re.search(r' BY=(\d+);R$', message.mail).group(1))
        self.assertLessEqual(left, 600)
        self.assertGreater(left, 600 - waxwing.DEADLINE)
        received = email.message_from_bytes(message.data).get_all('Received')[0]
        self.assertRegex(received, r'\s+priority 5;')

    def test_no_relaying_where_the_time_would_be_lost(self):
        self.submit('ignorant', b' BY=600;R')
        report = self.report('u@' + self.to['ignorant'][0])
        self.assertIn(b'Status: 5.3.3', report)
        self.assertIn(b'Deliver-By-Date:', report)

    def test_who_only_wants_to_know_is_told_of_the_relaying(self):
        host = self.submit('ignorant', b' BY=600;N', rcpt=b' NOTIFY=FAILURE')
        host.wait_messages(1)
        self.assertNotIn('BY=', host.messages[0].mail)
        waxwing.wait_until(lambda: b'Action: relayed' in self.report('u@' + self.to['ignorant'][0]), 'the report')

    def test_a_priority_that_is_required(self):
        wire = self.wire('required')
        self.assertIn('MT-PRIORITY', self.hello)
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>')[:9], '550 5.7.0')
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test> MT-PRIORITY=0')[:3], '250')
        self.submit('strict', b' MT-PRIORITY=1')
        self.assertIn(b'Status: 5.3.3', self.report('u@' + self.to['strict'][0]))


class Client(waxwing.TestCase):
    """What tcp_smtp_client makes of what a host says."""

    @classmethod
    def declare(cls):
        cls.to = {
            'login': keywords.channel_out('mustsaslclient', extensions=('AUTH LOGIN X-OTHER',)),
            'none': keywords.channel_out('mustsaslclient', extensions=('AUTH PLAIN',)),
            'submitter': keywords.channel_out('maysaslclient saslpassauth', extensions=('AUTH PLAIN',)),
            'limits': keywords.channel_out('', extensions=('PIPELINING', 'LIMITS RCPTMAX=2 MAILMAX=1')),
            'grey': keywords.channel_out('', rcpt={'u0': '451 4.7.1 Greylisted, come back in 40 seconds'}),
            'full': keywords.channel_out('', mail='421 4.7.0 too many of you'),
        }
        cls.to['external'] = keywords.channel_out('maytlsclient mustsaslclient externalidentity us@example.test', tls=cls.certificate(),
                                                  extensions=('AUTH EXTERNAL PLAIN',))
        cls.to['tls'] = keywords.channel_out('daemon tls.example.org', tls=cls.certificate(), extensions=('REQUIRETLS', 'SIZE'))
        cls.to['nocert'] = keywords.channel_out('daemon other.example.org', tls=cls.certificate(), extensions=('REQUIRETLS',))
        for name in ('tls', 'other'):
            keywords.names.table[name + '.example.org'] = {'A': [cls.to['tls' if name == 'tls' else 'nocert'][1].address]}

    folder = None

    @classmethod
    def certificate(cls):
        """For tls.example.org."""
        if not cls.folder:
            cls.folder = tempfile.mkdtemp(prefix='waxwing-')
            unittest.addModuleCleanup(shutil.rmtree, cls.folder)
            subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                            '-subj', '/CN=tls.example.org', '-addext', 'subjectAltName=DNS:tls.example.org', '-keyout', cls.folder + '/key.pem',
                            '-out', cls.folder + '/cert.pem'], check=True, capture_output=True)
        return fake_smtp.tls_context(cls.folder + '/cert.pem', cls.folder + '/key.pem')

    @classmethod
    def options(cls, box):
        for name in ('login', 'submitter'):
            box.set_option(f'smtp.client.login.[{cls.to[name][1].address}]', 'relay:se:cret')
        box.set_option('smtp.client.certificate', cls.folder + '/cert.pem')
        box.set_option('smtp.client.key', cls.folder + '/key.pem')
        box.set_option('smtp.client.ca_file', cls.folder + '/cert.pem')

    def submit(self, name, count=1, options=()):
        domain, host = self.to[name]
        with self.box.smtp() as client:
            client.ehlo()
            client.sendmail('joe@example.test', [f'u{n}@{domain}' for n in range(count)], b'Subject: out\r\n\r\nx\r\n', mail_options=options)
        return host

    def test_a_login_for_each_host(self):
        host = self.submit('login')
        host.wait_messages(1)
        at = host.commands.index('AUTH LOGIN')
        self.assertEqual([base64.b64decode(word) for word in host.commands[at + 1:at + 3]], [b'relay', b'se:cret'])
        host = self.submit('external')
        host.wait_messages(1)
        self.assertIn('AUTH EXTERNAL ' + base64.b64encode(b'us@example.test').decode(), host.commands)

    def test_nothing_goes_without_a_login_that_is_required(self):
        log = self.box.log('tcp_smtp_client')
        host = self.submit('none')
        self.assertIn('smtp.client.login', log.wait('mta.deferred .*u0@' + self.to['none'][0]))
        self.assertEqual(host.messages, [])

    def test_who_submitted_it(self):
        host = self.submit('submitter')
        self.assertTrue(host.wait_messages(1)[0].mail.endswith(' AUTH=<>'), host.messages)
        with self.box.submit('ann', keywords.PASSWORD) as client:
            client.sendmail('ann@example.test', ['u0@' + self.to['submitter'][0]], b'Subject: s\r\n\r\nx\r\n')
        self.assertTrue(host.wait_messages(2)[1].mail.endswith(' AUTH=ann@example.test'), host.messages)

    def test_limits_of_the_host(self):
        host = self.submit('limits', 5)
        self.assertEqual([len(m.rcpts) for m in host.wait_messages(3)[:3]], [2, 2, 1])

    def test_a_host_that_greylists_is_tried_when_it_wants(self):
        log = self.box.log('tcp_smtp_client')
        before = time.time()
        self.submit('grey')
        log.wait('mta.deferred .*u0@' + self.to['grey'][0])
        due = waxwing.wait_until(lambda: self.due('grey'), 'the wait')
        self.assertGreaterEqual(due, before + 39)
        self.assertLess(due, time.time() + 60)

    def due(self, name):
        """When the message of this channel is tried again; nothing while it is not waiting."""
        out = self.box.command('imsimta', 'cache', '-view', 'tcp_' + self.to[name][0].split('.')[0], '-json').stdout
        for row in map(json.loads, out.splitlines()):
            if row['state'] == 'deferred' and row['next_try']:
                return datetime.datetime.fromisoformat(row['next_try'].replace('Z', '+00:00')).timestamp()
        return None

    def test_a_host_that_wants_no_more_is_left_alone(self):
        log = self.box.log('tcp_smtp_client')
        host = self.submit('full')
        log.wait('mta.deferred .*u0@' + self.to['full'][0])
        count = host.connections
        self.submit('full')
        channel = 'tcp_' + self.to['full'][0].split('.')[0]
        waxwing.wait_until(lambda: 'too many of you' in self.box.command('imsimta', 'cache', '-view', channel).stdout, 'the host to be down')
        self.assertEqual(host.connections, count)

    def test_tls_all_the_way(self):
        def secure(name):
            domain, host = self.to[name]
            with self.box.submit('ann', keywords.PASSWORD) as client:
                self.assertTrue(client.has_extn('requiretls'))
                client.sendmail('ann@example.test', ['u0@' + domain], b'Subject: s\r\n\r\nsecret text\r\n', mail_options=['REQUIRETLS'])
            return host
        message = secure('tls').wait_messages(1)[0]
        self.assertIn('TLS', message.how)
        self.assertTrue(message.mail.endswith(' REQUIRETLS'), message.mail)
        log = self.box.log('tcp_smtp_client')
        host = secure('nocert')
        log.wait('mta.deferred .*u0@' + self.to['nocert'][0] + '.*4.7.5 TLS')
        self.assertEqual(host.messages, [])
        count = len(self.to['limits'][1].messages)
        secure('limits')
        log.wait('mta.deferred .*u0@' + self.to['limits'][0] + '.*4.7.5 TLS is required')
        self.assertEqual(len(self.to['limits'][1].messages), count)


class Passed(waxwing.TestCase):
    """Connections that somebody passes on."""

    @classmethod
    def declare(cls):
        pass

    def connect(self, source, header=b''):
        wire = Wire(self.box, source=source)
        self.addCleanup(wire.socket.close)
        for n in range(len(header)):
            wire.send(header[n:n + 1])
        return wire

    def received(self, wire, hello=b'EHLO c.test'):
        """The Received: field of a message that comes this way, in one line."""
        for line in (hello, b'MAIL FROM:<a@remote.test>', b'RCPT TO:<bob@example.test>'):
            self.assertEqual(wire.ask(line)[:3], '250', line)
        self.assertEqual(wire.ask(b'DATA')[:3], '354')
        mark = b'%d' % time.monotonic_ns()
        self.assertEqual(wire.ask(b'Subject: %s\r\n\r\nx\r\n.' % mark)[:3], '250')

        def look():
            text = newest(self.box, 'bob')
            return text if mark in text else None
        message = email.message_from_bytes(waxwing.wait_until(look, 'the message'))
        return ' '.join(message['Received'].split())

    def test_the_first_version(self):
        wire = self.connect('127.8.0.1', b'PROXY TCP4 192.0.2.77 192.0.2.2 4711 25\r\n')
        self.assertEqual(wire.reply()[:3], '220')
        self.assertIn('[192.0.2.77]', self.received(wire))

    def test_the_second_version(self):
        header = b'\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c' + bytes([192, 0, 2, 78, 192, 0, 2, 2]) + b'\x12\x67\x00\x19'
        wire = self.connect('127.8.0.1', header)
        self.assertEqual(wire.reply()[:3], '220')
        self.assertIn('[192.0.2.78]', self.received(wire))

    def test_no_header_no_session(self):
        log = self.box.log('smtpd')
        with contextlib.suppress(ConnectionError):  # it does not wait for the end of what is no header
            self.assertTrue(self.connect('127.8.0.1', b'EHLO x\r\n').closed())
        log.wait('smtp.proxy.bad')

    def test_a_client_that_may_not_connect(self):
        wire = self.connect('127.8.0.1', b'PROXY TCP4 192.0.2.66 192.0.2.2 4711 25\r\n')
        self.assertEqual(wire.reply(), '554 5.7.1 not you')
        self.assertTrue(wire.closed())

    def test_nobody_else_may_say_so(self):
        wire = self.connect('127.0.0.1')
        wire.reply()
        self.assertEqual(wire.ask(b'PROXY TCP4 192.0.2.77 192.0.2.2 4711 25')[:3], '500')
        self.assertNotIn('XCLIENT', wire.ask(b'EHLO x'))
        self.assertEqual(wire.ask(b'XCLIENT ADDR=192.0.2.77')[:3], '550')
        # Nor a client of the proxy, whatever its address.
        wire = self.connect('127.8.0.1', b'PROXY TCP4 192.0.2.77 192.0.2.2 4711 25\r\n')
        wire.reply()
        self.assertNotIn('XCLIENT', wire.ask(b'EHLO x'))

    def test_xclient(self):
        wire = self.connect('127.8.0.2')
        wire.reply()
        self.assertIn('XCLIENT NAME ADDR', wire.ask(b'EHLO proxy.test'))
        for bad in (b'ADDR=nonsense', b'ADDR', b'ADDR=', b'WHAT=x', b'PORT=70000', b'NAME=a..b', b'ADDR=+zz', b'PROTO=X.400'):
            self.assertEqual(wire.ask(b'XCLIENT ' + bad)[:3], '501', bad)
        self.assertEqual(wire.ask(b'XCLIENT ADDR=[UNAVAILABLE] DESTADDR=[TEMPUNAVAIL] PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE]')[:3], '220')
        answer = wire.ask(b'XCLIENT NAME=client.remote.test ADDR=IPV6:2001:db8::7 PORT=99 PROTO=ESMTP HELO=[UNAVAILABLE]')
        self.assertEqual(answer[:3], '220')
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>')[:3], '503')
        received = self.received(wire)
        self.assertIn('client.remote.test', received)
        self.assertIn('[IPv6:2001:db8::7]', received)
        wire.ask(b'MAIL FROM:<a@remote.test>')
        self.assertEqual(wire.ask(b'XCLIENT ADDR=192.0.2.1')[:3], '503')


class Forwarded(waxwing.TestCase):
    """SRS, and what the debug keywords show."""

    @classmethod
    def declare(cls):
        cls.to = keywords.channel_out('destinationsrs master_debug', extensions=('AUTH PLAIN',))
        cls.far = keywords.channel_out('addresssrs')
        cls.at = keywords.channel_in('sourcesrs')

    def send(self, sender, recipient, text=b'Subject: x\r\n\r\nx\r\n'):
        with self.box.smtp(source_address=(self.at, 0)) as client:
            client.sendmail(sender, [recipient], text)

    def test_the_way_out_and_back(self):
        log = self.box.log('tcp_smtp_client')
        host, far = self.to[1], self.far[1]
        domain = self.far[0].replace('out', 'routed')  # addresses there keep their domain
        self.send(f'writer@{domain}', f'u@{self.to[0]}')
        host.wait(lambda: any('SRS0=' in m.mail for m in host.messages), 'the message')
        made = re.search('<(SRS0.*)>', ' '.join(m.mail for m in host.messages)).group(1)
        self.assertRegex(made, rf'^SRS0=\w{{6}}=\w\w={domain}=writer@srs.example.test$')
        log.wait('smtp_client.wire .*out=.*RCPT TO')
        # A bounce comes from anywhere, outside too.
        self.send('', made)
        self.assertRegex(far.wait_messages(1)[0].rcpts[0], rf'[<:]writer@{domain}>$')
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send('', made.replace('writer', 'victim'))
        self.assertEqual(list(refused.exception.recipients.values())[0][0], 550)

    def test_our_own_senders_stay(self):
        host = self.to[1]
        count = len(host.messages)
        self.send('joe@example.test', f'u@{self.to[0]}')
        host.wait(lambda: any('<joe@example.test>' in m.mail for m in host.messages[count:]), 'the message')


class Far(waxwing.TestCase):
    """Hosts that have an IPv6 address only, and domains in other scripts."""
    IN_DNS = 'xn--bcher-kva.example.org'

    @classmethod
    def declare(cls):
        cls.to = keywords.channel_out('daemon six.example.org')
        cls.wide = keywords.channel_out('', extensions=('PIPELINING', '8BITMIME'))  # no SMTPUTF8
        keywords.names.table['six.example.org'] = {'AAAA': ['::1']}
        keywords.names.table[cls.IN_DNS] = {'MX': ['10 mx.' + cls.IN_DNS]}
        keywords.names.table['mx.' + cls.IN_DNS] = {'A': [cls.wide[1].address]}

    @classmethod
    def listen(cls):
        listener = socket.create_server(('::1', keywords.fake.port), family=socket.AF_INET6)
        server = fake_smtp.FakeServer(listener)
        unittest.addModuleCleanup(server.close)
        cls.six = server.host('::1')

    def send(self, sender, recipient, options=(), text='Subject: x\r\n\r\nx\r\n'):
        with self.box.submit('ann', keywords.PASSWORD) as client:
            client.sendmail(sender, [recipient], text.encode(), mail_options=options)

    def test_a_host_with_an_ipv6_address_only(self):
        self.send('ann@example.test', 'u@' + self.to[0])
        self.assertEqual(self.six.wait_messages(1)[0].rcpts, [f'RCPT TO:<u@{self.to[0]}>'])
        self.send('ann@example.test', 'u@[IPv6:::1]')
        self.assertEqual(self.six.wait_messages(2)[1].rcpts, ['RCPT TO:<u@[IPv6:::1]>'])

    def test_a_domain_in_another_script(self):
        """The peer knows no SMTPUTF8, and need not: the address has a form in ASCII. The header people read keeps its own."""
        for domain in ('bücher.example.org', 'BU\N{COMBINING DIAERESIS}CHER.example.org', self.IN_DNS):
            with self.subTest(domain):
                count = len(self.wide[1].messages)
                self.send('ann@example.test', f'u@{domain}', ['SMTPUTF8'])
                self.assertEqual(self.wide[1].wait_messages(count + 1)[count].rcpts, [f'RCPT TO:<u@{self.IN_DNS}>'])

    def test_no_domain_name(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            self.send('ann@example.test', 'u@a\N{LATIN SMALL LETTER U WITH DIAERESIS}_.example.org', ['SMTPUTF8'])
        self.assertIn(b'5.1.2', list(refused.exception.recipients.values())[0][1])


class Tables(waxwing.TestCase):
    """IP_ACCESS, ETRN_ACCESS and BLOCKED_MAIL_FROM_IPS."""

    @classmethod
    def declare(cls):
        table = keywords.names.table
        cls.passed, cls.moved = keywords.fake.host(), keywords.fake.host()
        cls.two = keywords.channel_out('daemon two.example.org')
        table['two.example.org'] = {'A': [cls.passed.address, cls.two[1].address]}
        cls.away = keywords.channel_out('daemon away.example.org')
        table['away.example.org'] = {'A': ['192.0.2.99']}
        cls.refused = keywords.channel_out('')
        cls.at = {name: keywords.channel_in(words) for name, words in (('etrn', 'allowetrn'), ('dns', 'mailfromdnsverify'))}
        table['parked.example.org'] = {'A': ['192.0.2.7']}
        table['half.example.org'] = {'A': ['192.0.2.7', '198.51.100.1']}
        table['served.example.org'] = {'MX': ['10 parked.example.org', '20 gone.example.org']}
        table['mixed.example.org'] = {'MX': ['10 parked.example.org', '20 half.example.org']}

    @classmethod
    def mappings(cls):
        return (f'\nIP_ACCESS\n\n  *|2|*|{cls.passed.address}|two.example.org  $I\n  *|1|1|192.0.2.99|away.example.org  $A{cls.moved.address}\n'
                f'  *|1|1|{cls.refused[1].address}|*  $Nnever$ there\n'
                '\nETRN_ACCESS\n\n  TCP|*|SMTP/c.test|tcp_in*|blocked.example.org  $Nnot$ for$ you\n')

    def send(self, domain):
        with self.box.submit('ann', keywords.PASSWORD) as client:
            client.sendmail('ann@example.test', ['u@' + domain], b'Subject: x\r\n\r\nx\r\n')

    def test_an_address_that_is_passed_over(self):
        self.send(self.two[0])
        self.two[1].wait_messages(1)
        self.assertEqual(self.passed.connections, 0)

    def test_another_address_instead(self):
        self.send(self.away[0])
        self.moved.wait_messages(1)

    def test_an_address_that_nothing_goes_to(self):
        log = self.box.log('tcp_smtp_client')
        self.send(self.refused[0])
        self.assertIn('never there', log.wait('smtp_client.ip_access'))
        log.wait('mta.failed .*5.1.2 no mail goes from here')
        self.assertEqual(self.refused[1].connections, 0)

    def test_who_may_ask_for_mail(self):
        for host, expected in (('blocked', '^459 5.7.1 not for you$'), ('other', '^25[013] ')):
            wire = Wire(self.box, source=self.at['etrn'])
            self.addCleanup(wire.socket.close)
            wire.reply()
            wire.ask(b'EHLO c.test')
            self.assertRegex(wire.ask(f'ETRN {host}.example.org'.encode()), expected)

    def test_domains_at_addresses_that_no_mail_comes_from(self):
        for domain, expected in (('parked', '550 5.1.8'), ('half', '250 2.1.0'), ('served', '550 5.1.8'), ('mixed', '250 2.1.0')):
            with self.subTest(domain):
                wire = Wire(self.box, source=self.at['dns'])
                self.addCleanup(wire.socket.close)
                wire.reply()
                wire.ask(b'EHLO c.test')
                self.assertEqual(wire.ask(f'MAIL FROM:<a@{domain}.example.org>'.encode())[:9], expected)


if __name__ == '__main__':
    waxwing.main()

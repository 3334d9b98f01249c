"""What the channel keywords of imta.cnf(5) do, each on a channel of its own.

A client's address picks the channel: tcp_local switches a client from 127.9.0.n to channel tcp_n, and mail for
<channel>.out.test leaves by the channel of that name, to the scripted server. So one instance serves all.
"""
import base64
import email
import email.policy
import email.utils
import os
import re
import smtplib
import time
import unittest

import fake_dns
import fake_smtp
import waxwing
from smtp_wire import Wire, newest

PASSWORD = 'correct horse'
fake = names = None
inbound, outbound = [], []  # (keywords, address or channel)


def channel_in(keywords):
    """The client address whose sessions are on a channel with these keywords."""
    inbound.append(keywords)
    return f'127.9.0.{len(inbound)}'


def channel_out(keywords, **script):
    """(domain, host): mail for the domain goes to the scripted host by a channel with these keywords."""
    outbound.append((keywords, fake.host(**script)))
    return f'out{len(outbound)}.test', outbound[-1][1]


def setUpModule():
    set_up((Inbound, Outbound))


def set_up(cases, prepare=None, options=None):
    """One instance for these cases; prepare(box) puts in what else they need, options(box) sets options."""
    global fake, names
    fake = fake_smtp.FakeServer()
    unittest.addModuleCleanup(fake.close)
    names = fake_dns.FakeDns({'mx.example.org': {'MX': ['10 other.example.org']}, 'a.example.org': {'A': ['192.0.2.1']},
                              'aaaa.example.org': {'AAAA': ['2001:db8::1']}, 'empty.example.org': {}, 'nullmx.example.org': {'MX': ['0 .'], 'A': ['192.0.2.1']},
                              'sick.example.org': 'SERVFAIL'})
    unittest.addModuleCleanup(names.close)
    for case in cases:
        case.declare()
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.set_option('smtp.client.port', fake.port)
    box.set_option('dns.server', names.address)
    if options:
        options(box)
    config = os.path.join(box.root, 'config')
    with open(os.path.join(config, 'local.rules'), 'a') as rules, open(os.path.join(config, 'imta.cnf'), 'a') as cnf:
        for n, keywords in enumerate(inbound, 1):
            rules.write(f'[127.9.0.{n}] $E$R$U%[127.9.0.{n}]@in{n}-daemon\n')
            cnf.write(f'\ntcp_in{n} smtp_crlf allowswitchchannel identnonelimited maytlsserver {keywords}\nin{n}-daemon\n')
        for n, (keywords, host) in enumerate(outbound, 1):
            rules.write(f'out{n}.test $U%$D@out{n}-daemon\nrouted{n}.test $U@routed{n}.test@out{n}-daemon\n')
            names.table[f'out{n}-daemon'] = {'A': [host.address]}  # for daemon router
            cnf.write(f'\ntcp_out{n} smtp_crlf pool SMTP_POOL daemon [{host.address}] {keywords}\nout{n}-daemon\n')
        cnf.write('\nprocess_notices\nprocess_notices-daemon\n')
    pools = r'\g<1>3\n\n[POOL=TINY_POOL]\nJOB_LIMIT=1'
    box.edit('job_controller.cnf', lambda text: re.sub(r'(?msi)(^\[POOL=SMTP_POOL\]\n.*?job_limit=)\d+', pools, text))
    box.edit('tcp_local_option', '552_PERMANENT_ERROR_STRING=too big for us\n')
    if prepare:
        prepare(box)
    box.command('imsimta', 'cnbuild')
    box.start()
    for name in ('joe', 'ann', 'bob'):
        box.user(name, PASSWORD)


class Inbound(waxwing.TestCase):
    """What the server takes."""
    limits = {
        'recipientlimit 2': 'recipients', 'recipientcutoff 2': 'cutoff', 'transactionlimit 1': 'transactions',
        'deferralrejectlimit 1': 'deferral', 'disconnectrejectlimit 2': 'reject', 'disconnectbadcommandlimit 2': 'bad',
        'disconnectcommandlimit 4': 'commands', 'disconnecttransactionlimit 1': 'tries', 'disconnectrecipientlimit 1': 'rcpts',
        'sourceblocklimit 2': 'size', 'rejectsmtplonglines': 'long', 'eightstrict': 'eight',
        'smtp_crorlf': 'bare', 'vrfyhide': 'hide', 'vrfyallow': 'vrfy', 'expnallow': 'expn', 'nochunkingserver': 'nochunk',
        'musttlsserver': 'tls', 'mustsaslserver': 'sasl', 'mailfromdnsverify': 'dns', 'noreceivedfor': 'nofor',
        'missingrecipientpolicy 2': 'to', 'missingrecipientpolicy 6': 'refused', 'holdlimit 1': 'hold',
        'disconnectbadauthlimit 1 maysaslserver': 'auth',
    }
    at = {}

    @classmethod
    def declare(cls):
        cls.at = {name: channel_in(keywords) for keywords, name in cls.limits.items()}

    def wire(self, name, hello=b'EHLO c.test'):
        wire = Wire(self.box, source=self.at[name])
        self.addCleanup(wire.socket.close)
        wire.reply()
        self.hello = wire.ask(hello)
        return wire

    def begun(self, name, *recipients):
        wire = self.wire(name)
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>')[:3], '250')
        self.assertEqual([wire.ask(b'RCPT TO:<%s>' % r)[:3] for r in recipients], ['250'] * len(recipients))
        return wire

    def send(self, wire, text):
        self.assertEqual(wire.ask(b'DATA')[:3], '354')
        return wire.ask(text + b'\r\n.')

    def test_counts_in_a_message(self):
        wire = self.begun('recipients', b'joe@example.test', b'ann@example.test')
        self.assertEqual(wire.ask(b'RCPT TO:<bob@example.test>')[:9], '452 4.5.3')
        wire = self.begun('cutoff', b'joe@example.test', b'ann@example.test', b'bob@example.test')
        self.assertEqual(wire.ask(b'DATA')[:3], '554')
        wire = self.begun('deferral')
        self.assertEqual(wire.ask(b'RCPT TO:<nobody@example.test>')[:3], '550')
        self.assertEqual(wire.ask(b'RCPT TO:<joe@example.test>')[:3], '451')

    def test_counts_in_a_session(self):
        wire = self.begun('transactions', b'joe@example.test')
        self.assertEqual(self.send(wire, b'Subject: 1\r\n')[:3], '250')
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>')[:3], '452')
        wire = self.begun('tries')
        wire.ask(b'RSET')
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test>')[:3], '421')
        self.assertTrue(wire.closed())
        wire = self.begun('rcpts', b'joe@example.test')
        self.assertEqual(wire.ask(b'RCPT TO:<ann@example.test>')[:3], '421')
        self.assertTrue(wire.closed())
        wire = self.begun('reject')
        self.assertEqual([wire.ask(b'RCPT TO:<nobody%d@example.test>' % n)[:3] for n in (1, 2)], ['550', '421'])
        self.assertTrue(wire.closed())
        wire = self.wire('bad')
        self.assertEqual([wire.ask(b'NONSENSE')[:3] for _ in (1, 2)], ['500', '421'])
        wire = self.wire('commands')
        self.assertEqual([wire.ask(b'NOOP')[:3] for _ in range(4)], ['250', '250', '250', '421'])

    def test_bad_logins(self):
        with self.box.smtp(source_address=(self.at['auth'], 0)) as client:
            client.starttls(context=self.box.tls())
            client.ehlo()
            with self.assertRaises(smtplib.SMTPException):
                client.login('joe@example.test', 'wrong', initial_response_ok=True)
            with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
                client.docmd('NOOP')
                client.docmd('NOOP')

    def test_sizes(self):
        wire = self.wire('size')
        self.assertIn('SIZE 2048', self.hello)
        refused = '552 5.3.4 too big for us (2048 bytes)'
        self.assertEqual(wire.ask(b'MAIL FROM:<a@remote.test> SIZE=2049').strip(), refused)
        wire = self.begun('size', b'joe@example.test')
        self.assertEqual(self.send(wire, b'Subject: 1\r\n\r\n' + b'x' * 70 * 40).strip(), refused)

    def test_long_lines(self):
        for text, code in ((b'y' * 998, '250'), (b'y' * 999, '554')):
            wire = self.begun('long', b'joe@example.test')
            self.assertEqual(self.send(wire, b'Subject: 1\r\n\r\n' + text)[:3], code)
            wire = self.begun('long', b'joe@example.test')
            chunk = b'Subject: 1\r\n\r\n' + text + b'\r\n'
            self.assertEqual(wire.ask(b'BDAT %d LAST\r\n' % len(chunk) + chunk[:-2])[:3], code, 'as a chunk')
            wire = self.begun('long', b'joe@example.test')
            wire.send(b'BDAT %d LAST\r\n' % (len(chunk) - 2) + chunk[:-2])
            self.assertEqual(wire.reply()[:3], code, 'a chunk without a line end')

    def test_eight_bit(self):
        text = 'Subject: 1\r\n\r\ngr\u00fcn'.encode()
        for how, code in ((b'', '554'), (b' BODY=8BITMIME', '250')):
            wire = self.wire('eight')
            for line in (b'MAIL FROM:<a@remote.test>' + how, b'RCPT TO:<joe@example.test>'):
                self.assertEqual(wire.ask(line)[:3], '250')
            self.assertEqual(self.send(wire, text)[:3], code)
            for line in (b'MAIL FROM:<a@remote.test>' + how, b'RCPT TO:<joe@example.test>'):
                self.assertEqual(wire.ask(line)[:3], '250')
            self.assertEqual(wire.ask(b'BDAT %d LAST\r\n' % (len(text) + 2) + text)[:3], code, 'as a chunk')

    def test_bare_line_ends_are_repaired_where_wished(self):
        wire = self.begun('bare', b'bob@example.test')
        self.assertEqual(self.send(wire, b'Subject: bare\r\n\r\none\ntwo\rthree')[:3], '250')
        self.assertTrue(newest(self.box, 'bob').endswith(b'\r\n\r\none\r\ntwo\r\nthree\r\n'))

    def test_what_is_told_about_addresses(self):
        self.assertEqual(self.wire('hide').ask(b'VRFY nobody@example.test')[:3], '252')
        self.assertEqual(self.wire('vrfy').ask(b'VRFY nobody@example.test')[:3], '550')
        self.assertEqual(self.wire('vrfy').ask(b'VRFY <joe@example.test>')[:3], '250')
        self.assertEqual(self.wire('vrfy').ask(b'EXPN joe@example.test')[:3], '502')
        self.assertIn('joe@example.test', self.wire('expn').ask(b'EXPN joe@example.test'))

    def test_what_is_offered_and_demanded(self):
        wire = self.wire('nochunk')
        self.assertNotIn('CHUNKING', self.hello)
        self.assertNotIn('BINARYMIME', self.hello)
        wire.ask(b'MAIL FROM:<a@remote.test>')
        wire.ask(b'RCPT TO:<joe@example.test>')
        self.assertEqual(wire.ask(b'BDAT 4 LAST\r\nxx')[:3], '502')
        self.assertEqual(self.wire('tls').ask(b'MAIL FROM:<a@remote.test>')[:9], '530 5.7.0')
        self.assertEqual(self.wire('sasl').ask(b'MAIL FROM:<a@remote.test>')[:9], '530 5.7.0')

    def test_sender_domains_that_dns_does_not_know(self):
        for domain, code in (('mx', '250'), ('a', '250'), ('aaaa', '250'), ('empty', '550'), ('gone', '550'), ('nullmx', '550'), ('sick', '250')):
            with self.subTest(domain):
                answer = self.wire('dns').ask(f'MAIL FROM:<a@{domain}.example.org>'.encode())
                self.assertTrue(answer.startswith('550 5.7.27' if domain == 'nullmx' else '550 5.1.8' if code == '550' else '250 2.1.0'))
        self.assertIn(('gone.example.org', 'MX'), names.asked)
        asked = len(names.asked)
        for address in (b'', b'a@[192.0.2.1]'):
            self.assertEqual(self.wire('dns').ask(b'MAIL FROM:<' + address + b'>')[:3], '250')
        self.assertEqual(len(names.asked), asked)

    def test_received_names_no_recipient(self):
        wire = self.begun('nofor', b'ann@example.test')
        self.assertEqual(self.send(wire, b'Subject: nofor\r\n\r\nx')[:3], '250')
        self.assertNotRegex(newest(self.box, 'ann'), rb'(?s)Received:.*for <ann@')

    def test_missing_recipients(self):
        wire = self.begun('refused', b'joe@example.test')
        self.assertEqual(self.send(wire, b'Subject: nobody named\r\n\r\nx')[:3], '554')
        wire = self.begun('to', b'u1@hold.test')
        self.assertEqual(self.send(wire, b'Subject: named\r\n\r\nx')[:3], '250')
        self.assertIn('To: u1@hold.test', self.held('Subject: named'))

    def test_many_recipients_are_held(self):
        wire = self.begun('hold', b'joe@example.test', b'ann@example.test')
        self.assertEqual(self.send(wire, b'Subject: too many\r\n\r\nx')[:3], '250')
        self.assertTrue([f for f in self.box.queue_files('ims-ms') if f.endswith('.HELD')])

    def held(self, wanted):
        for name in self.box.queue_files():
            with open(os.path.join(self.box.root, 'queue', name), 'rb') as f:
                text = f.read().decode('utf-8', 'replace')
            if wanted in text:
                return text
        self.fail(f'no queue file has {wanted}')


class Outbound(waxwing.TestCase):
    """What the client says, and what may go to a channel at all."""

    @classmethod
    def declare(cls):
        cls.to = {name: channel_out(keywords, **script) for name, keywords, script in (
            ('helo', 'noehlo', {}),
            ('checked', 'checkehlo', {'greeting': '220 fake plain'}),
            ('nochunk', 'nochunkingclient', {'extensions': ('CHUNKING', 'PIPELINING')}),
            ('blocks', 'blocklimit 2', {}),
            ('lines', 'linelimit 20', {}),
            ('one', 'single', {}),
            ('two', 'addrsperfile 2', {}),
            ('named', 'local_host_alias other.name.test', {}),
            ('held', 'holdlimit 2', {}),
            ('loop', 'local_host_alias loop.test', {'name': 'loop.test'}),
            ('noloop', 'noloopcheck local_host_alias loop.test', {'name': 'loop.test'}),
            ('urgent', 'urgentblocklimit 1', {}),
            ('normal', 'normalblocklimit 1', {}),
            ('tls', 'musttlsclient', {}),
            ('negotiate', '', {'extensions': ('PIPELINING',)}),
            ('wide', 'eightbit', {'extensions': ('PIPELINING',)}),
            ('seven', 'sevenbit', {}),
            ('nobinary', '', {'extensions': ('8BITMIME',)}),
            ('refuses', 'notificationchannel process_notices returnenvelope 1', {'end': '550 5.6.0 not this'}),
            ('never_empty', 'returnenvelope 2', {}),
            ('later', 'deferreddest', {}),
            ('now', '', {}),
            ('slow', 'pool TINY_POOL', {'waits': True}),
            ('behind', 'pool TINY_POOL', {}),
            ('aside', '', {}),
            ('login', 'mustsaslclient authusername me authpassword secret', {'extensions': ('AUTH LOGIN PLAIN',)}),
            ('nologin', 'mustsaslclient authusername me authpassword secret', {}),
            ('maylogin', 'maysaslclient authusername me authpassword secret', {}),
            ('source', 'interfaceaddress 127.0.3.1', {}),
            ('router', 'nomx daemon router', {}),
            ('routes', '', {}),
            ('noroutes', 'dequeue_removeroute', {}),
        )}

    def submit(self, name, count=1, text=b'Subject: out\r\n\r\nx\r\n'):
        domain, host = self.to[name]
        with self.box.smtp() as client:
            client.sendmail('joe@example.test', [f'u{n}@{domain}' for n in range(count)], text)
        return host

    def test_hello(self):
        host = self.submit('helo')
        host.wait_messages(1)
        self.assertTrue(host.commands[0].startswith('HELO '), host.commands)
        host = self.submit('checked')
        host.wait_messages(1)
        self.assertTrue(host.commands[0].startswith('HELO '), host.commands)
        host = self.submit('named')
        host.wait_messages(1)
        self.assertEqual(host.commands[0], 'EHLO other.name.test')

    # ---- 8-bit text ----
    WIDE = ('MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject: wide\r\n\r\n'
            'gr\u00fcn\r\n').encode()

    def text_of(self, message):
        return email.message_from_bytes(message.data, policy=email.policy.default).get_content()

    def test_eight_bit_text_goes_to_a_seven_bit_peer_as_quoted_printable(self):
        for name in ('negotiate', 'seven'):
            message = self.submit(name, text=self.WIDE).wait_messages(1)[0]
            self.assertTrue(message.data.isascii(), name)
            self.assertNotIn('8BITMIME', message.mail)
            self.assertIn(b'gr=C3=BCn', message.data)
            self.assertEqual(self.text_of(message).strip(), 'gr\u00fcn')
        self.assertIn('gr\u00fcn'.encode(), self.submit('wide', text=self.WIDE).wait_messages(1)[0].data)

    def test_what_may_not_be_changed_comes_back(self):
        signed = (b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\nSubject: signed\r\n\r\n--s\r\n'
                  b'Content-Type: text/plain; charset=utf-8\r\n\r\ngr\xc3\xbcn\r\n--s\r\n\r\nsignature\r\n--s--\r\n')
        host = self.to['seven'][1]
        before = len(host.messages)
        log = self.box.log('tcp_smtp_client')
        self.submit('seven', text=signed)
        log.wait(r'mta\.failed .*5\.6\.3 .*multipart/signed')
        self.assertEqual(len(host.messages), before)

    def test_a_binary_message_for_a_peer_without_chunks_is_encoded(self):
        domain, host = self.to['nobinary']
        wire = Wire(self.box)
        self.addCleanup(wire.socket.close)
        wire.ask(b'EHLO c.test')
        for line in (b'MAIL FROM:<joe@example.test> BODY=BINARYMIME', f'RCPT TO:<u0@{domain}>'.encode()):
            self.assertEqual(wire.ask(line)[:3], '250')
        text = b'MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\xff' + b'y' * 2000
        # ask() puts the line end behind it, which is the last of the chunk.
        self.assertEqual(wire.ask(b'BDAT %d LAST\r\n' % (len(text) + 2) + text)[:3], '250')
        message = host.wait_messages(1)[0]
        self.assertTrue(message.data.isascii())
        self.assertNotIn('BINARYMIME', message.mail)
        got = email.message_from_bytes(message.data, policy=email.policy.default).get_payload(decode=True)
        self.assertTrue(got.startswith(b'\0\n\xffyyy'), got[:20])

    # ---- notices ----
    def test_notices_take_the_way_and_the_sender_that_keywords_say(self):
        self.box.command('imsimta', 'queue', 'stop', 'process_notices')
        self.submit('refuses')
        name = waxwing.wait_until(lambda: self.box.queue_files('process_notices'), 'the notice')[0]
        shown = self.box.command('imsimta', 'qm', 'directory', '-envelope', 'process_notices').stdout
        self.assertRegex(shown, r'from <postmaster@[^>]+>')
        self.assertIn('to <joe@example.test>', shown)
        self.box.command('imsimta', 'queue', 'start', 'process_notices')
        self.box.wait_queue_empty('process_notices')
        self.assertIn(b'Delivery has failed', newest(self.box, 'joe'))

    def test_a_channel_that_takes_no_empty_sender(self):
        domain, host = self.to['never_empty']
        with self.box.smtp() as client:
            client.sendmail('', [f'u0@{domain}'], b'Subject: out\r\n\r\nx\r\n')
        self.assertRegex(host.wait_messages(1)[0].mail, r'FROM:<postmaster@')

    # ---- deferred delivery ----
    def test_deferred_delivery(self):
        when = email.utils.formatdate(time.time() + 3600)
        text = f'Subject: out\r\nDeferred-Delivery: {when}\r\n\r\nx\r\n'.encode()
        self.submit('now', text=text).wait_messages(1)
        host = self.submit('later', text=text)
        channel = 'tcp_' + self.to['later'][0].split('.')[0]
        view = self.box.command('imsimta', 'cache', '-view', channel).stdout
        self.assertRegex(view, r' deferred .* 0 ')  # not tried, and not to be yet
        self.assertEqual(host.messages, [])
        past = text.replace(when.encode(), b'Sun, 1 Jan 2017 00:00:00 +0000')
        self.submit('later', text=past).wait_messages(1)
        self.submit('later', text=text.replace(when.encode(), b'whenever')).wait_messages(2)

    def test_no_chunks(self):
        self.assertEqual(self.submit('nochunk').wait_messages(1)[0].how, 'DATA')

    def test_limits_of_the_channel_that_takes_the_message(self):
        for name, text in (('blocks', b'Subject: out\r\n\r\n' + b'x' * 3000), ('lines', b'Subject: out\r\n\r\n' + b'x\r\n' * 30)):
            with self.subTest(name), self.assertRaises((smtplib.SMTPDataError, smtplib.SMTPRecipientsRefused)):
                self.submit(name, text=text)
            self.submit(name).wait_messages(1)

    def test_recipients_of_one_file(self):
        for name, recipients, files in (('one', 3, [1, 1, 1]), ('two', 3, [1, 2])):
            messages = self.submit(name, recipients).wait_messages(len(files))
            self.assertEqual(sorted(len(m.rcpts) for m in messages), files, name)

    def test_many_recipients_are_held(self):
        host = self.submit('held', 3)
        domain = self.to['held'][0]
        channel = 'tcp_' + domain.split('.')[0]
        self.assertTrue(all(f.endswith('.HELD') for f in self.box.queue_files(channel)))
        self.assertEqual(len(self.box.queue_files(channel)), 1)
        self.submit('held', 2)
        self.assertEqual(len(host.wait_messages(1)[0].rcpts), 2)

    def test_large_messages_wait_behind_others(self):
        text = b'Subject: out\r\nPriority: urgent\r\n\r\n'
        for name, size, priority in (('urgent', 10, 'urgent'), ('urgent', 2000, 'normal'), ('normal', 10, 'urgent'), ('normal', 2000, 'nonurgent')):
            with self.subTest(name, size=size):
                channel = 'tcp_' + self.to[name][0].split('.')[0]
                self.box.command('imsimta', 'queue', 'stop', channel)
                self.submit(name, text=text + b'x' * size)
                listing = self.box.command('imsimta', 'qm', 'directory', '-file_info', channel).stdout
                self.assertIn(f'priority {priority},', listing)
                self.box.command('imsimta', 'queue', 'start', channel)
                self.box.wait_queue_empty(channel)

    def test_more_channels_than_the_pool_has_room_for(self):
        for name in 2 * ('helo', 'nochunk', 'blocks', 'lines', 'named'):
            host = self.to[name][1]
            before = len(host.messages)
            self.submit(name)
            host.wait_messages(before + 1)

    def test_no_more_programs_than_the_pool_allows(self):
        log = self.box.log('job_controller')
        channel = {name: 'tcp_' + self.to[name][0].split('.')[0] for name in ('slow', 'behind')}
        slow = self.submit('slow')
        slow.wait(lambda: slow.connections, 'a connection')
        behind = self.submit('behind')
        self.submit('aside').wait_messages(1)  # in another pool: the job controller has seen what came before it
        self.assertIn(f"channel={channel['slow']} ", ' '.join(log.read()))
        self.assertNotIn(f"channel={channel['behind']} ", ' '.join(log.lines))
        slow.go_on()
        slow.wait_messages(1)
        behind.wait_messages(1)

    def test_a_peer_that_is_this_host_gets_nothing(self):
        log = self.box.log('tcp_smtp_client')
        host = self.submit('loop')
        log.wait(r'mta\.failed .*' + self.to['loop'][0] + '.*5\\.4\\.6')
        self.assertEqual(host.messages, [])
        self.submit('noloop').wait_messages(1)

    def test_logging_in(self):
        host = self.submit('login')
        host.wait_messages(1)
        self.assertIn('AUTH PLAIN ' + base64.b64encode(b'\0me\0secret').decode(), host.commands)
        log = self.box.log('tcp_smtp_client')
        host = self.submit('nologin')
        log.wait(r'mta\.deferred .*' + self.to['nologin'][0] + r'.*4\.7\.0')
        self.assertEqual(host.messages, [])
        self.submit('maylogin').wait_messages(1)

    def test_where_a_connection_goes_and_comes_from(self):
        host = self.submit('source')
        host.wait_messages(1)
        self.assertEqual(host.peers, ['127.0.3.1'])
        self.submit('router').wait_messages(1)

    def test_routes_in_addresses(self):
        for name, expected in (('routes', '@out{0}-daemon:u@routed{0}.test'), ('noroutes', 'u@routed{0}.test')):
            domain, host = self.to[name]
            number = domain[3:-5]
            with self.box.smtp() as client:
                client.sendmail('joe@example.test', [f'u@routed{number}.test'], b'Subject: routed\r\n\r\nx\r\n')
            self.assertEqual(host.wait_messages(1)[0].rcpts, [f'RCPT TO:<{expected.format(number)}>'], name)

    def test_nothing_goes_in_clear_where_tls_is_a_must(self):
        log = self.box.log('tcp_smtp_client')
        host = self.submit('tls')
        log.wait(r'mta\.deferred .*' + self.to['tls'][0])
        self.assertEqual(host.messages, [])


if __name__ == '__main__':
    waxwing.main()

"""SMTP extensions that a channel offers by keyword: time and priority. test_keywords tells how the channels are made."""
import email
import re
import time
import unittest

import test_keywords as keywords
import waxwing
from test_smtp import newest

KNOWS = ('PIPELINING', '8BITMIME', 'DSN', 'DELIVERBY', 'MT-PRIORITY MIXER')


def setUpModule():
    keywords.set_up((Extensions,))


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
        listing = self.box.command('imsimta', 'qm', 'dir', '-envelope', 'tcp_' + self.to['knows'][0].split('.')[0]).stdout
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


if __name__ == '__main__':
    waxwing.main()

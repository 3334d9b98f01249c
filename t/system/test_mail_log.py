#!/usr/bin/env python3
"""mail.log_current: what the MTA writes about messages and connections."""
import json
import os
import re
import xml.etree.ElementTree

import fake_smtp
import waxwing


def setUpModule():
    box = waxwing.start_shared()
    for uid in ('alice', 'bob'):
        box.user(uid, 'secret')


class MailLog(waxwing.TestCase):
    def follow(self, name='mail.log_current'):
        return waxwing.LogFollower(os.path.join(self.box.root, 'log', name))

    def options(self, text, *more):
        """Another option.dat for this test, and what else is to be changed: (file, old, new)."""
        self.addCleanup(self.box.publish)
        self.box.edit('option.dat', f'\n{text}\n', until=self)
        for name, old, new in more:
            self.box.edit(name, lambda before: before.replace(old, new), until=self)
        self.box.publish()

    @staticmethod
    def read(path):
        with open(path) as file:
            return file.read()

    def send(self, to='bob@example.test', subject='log', **more):
        with self.box.smtp(**more) as client:
            client.sendmail('alice@example.test', [to], f'From: alice@example.test\r\nTo: {to}\r\n'
                                                        f'Subject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\nhi\r\n')

    def test_a_message_from_connection_to_mailbox(self):
        log = self.follow()
        self.send()
        date = r'^\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d\d '
        port = self.box.port('SMTP')
        log.wait(date + rf'tcp_\w+ \+ O TCP\|127\.0\.0\.1\|{port}\|127\.0\.0\.1\|\d+ SMTP$')
        log.wait(date + r'tcp_\w+ ims-ms EE 1 alice@example\.test rfc822;bob@example\.test bob@ims-ms-daemon '
                        rf'\S+ \(\[127\.0\.0\.1\]\) \(TCP\|127\.0\.0\.1\|{port}\|127\.0\.0\.1\|\d+\)$')
        log.wait(date + r'tcp_\w+ \+ C TCP\S+ SMTP/\S+$')
        log.wait(date + r'ims-ms  D 1 alice@example\.test rfc822;bob@example\.test bob@ims-ms-daemon 2\.')

    def test_refusals_bad_commands_and_lost_clients(self):
        log = self.follow()
        with self.box.smtp() as client:
            client.ehlo('client.test')
            self.assertEqual(client.docmd('XNONSENSE one two')[0], 500)
            self.assertEqual(client.docmd('AUTH PLAIN c2VjcmV0 too many words')[0] // 100, 5)
            client.mail('alice@example.test')
            self.assertEqual(client.rcpt('nobody@example.test')[0], 550)
            client.rcpt('bob@example.test')
            client.docmd('DATA')
            client.send(b'Subject: half')
            client.sock.shutdown(2)
            client.close()
        log.wait(r' tcp_\w+  BE 0   XNONSENSE one two \(TCP\S+\) 500 5\.5\.1 ')
        line = log.wait(r'  BE 0   AUTH ')
        self.assertNotIn('c2VjcmV0', line)
        log.wait(r' tcp_\w+  JE 0 alice@example\.test rfc822;nobody@example\.test nobody@example\.test '
                 r'client\.test \(\[127\.0\.0\.1\]\) \(TCP\S+\) 550 5\.1\.1 ')
        log.wait(r' tcp_\w+  VE \d+ alice@example\.test rfc822;bob@example\.test .*connection lost')

    def test_xml_json_and_every_option(self):
        every = ''.join(f'LOG_{name}=1\n' for name in (
            'NODE PROCESS INTERMEDIATE NOTARY FILENAME ENVELOPE_ID MESSAGE_ID USERNAME PRIORITY SENSITIVITY QUEUE_TIME '
            'FILTER REASON HEADER').split())
        imta = ('imta.cnf', ' logging ', ' logging logheader ')
        self.box.write_config('log_header.opt', 'Subject: MAXIMUM=1\nDefaults: MAXIMUM=-1\n')
        self.options(every + 'LOG_FORMAT=5\nLOG_CONNECTION=31\nSEPARATE_CONNECTION_LOG=1\n', imta)
        log, connections = self.follow(), self.follow('connection.log_current')
        with self.box.submit('alice', 'secret') as client:
            client.sendmail('alice@example.test', ['bob@example.test'],
                            'From: alice@example.test\r\nTo: bob@example.test\r\nSubject: as <json>\r\n'
                            'Sensitivity: private\r\nMessage-ID: <j@x>\r\n\r\nhi\r\n', mail_options=['ENVID=env1'])
        queued = json.loads(log.wait(r'"ac":"E'))
        self.assertEqual((queued['ty'], queued['dc'], queued['us'], queued['mi'], queued['se'], queued['ei']),
                         ('en', 'ims-ms', 'alice', '<j@x>', 'private', 'env1'))
        self.assertRegex(queued['ac'], '^EE.*A$')
        self.assertEqual(queued['he'], [['Subject', 'as <json>']])
        self.assertRegex(queued['fi'], r'/queue/ims-ms/\d{3}/ZZ\w+\.00$')
        done = json.loads(log.wait(r'"ac":"D'))
        self.assertEqual((done['sc'], done['fi'], done['de']), ('ims-ms', queued['fi'], queued['de']))
        self.assertEqual(done['he'], [['Subject', 'as <json>']])
        self.assertEqual(json.loads(connections.wait(r'"ac":"U"'))['us'], 'alice')
        self.assertRegex(json.loads(connections.wait(r'"ac":"C"'))['di'], 'messages=1')

        self.options('LOG_FORMAT=4\n')
        log = self.follow()
        self.send(subject='as-xml')
        element = xml.etree.ElementTree.fromstring(log.wait(r' dc="ims-ms"'))
        self.assertEqual((element.tag, element.get('ac'), element.get('so')), ('en', 'EE', 'alice@example.test'))

        self.options('LOG_FORMAT=5\nLOG_HEADER=0\n')
        log = self.follow()
        self.send(subject='unsaid')
        for action in ('E', 'D'):
            self.assertNotIn('he', json.loads(log.wait(rf'"ac":"{action}')))

    def test_a_channel_without_logging_writes_nothing(self):
        self.options('', ('imta.cnf', '\nims-ms ', '\nims-ms nologging '))
        log = self.follow()
        self.send(subject='quiet')
        log.wait(r' \+ C ')
        self.box.wait_messages('bob', 'secret', 1)
        self.box.wait_queue_empty()
        self.assertFalse([line for line in log.lines + log.read() if 'bob@' in line])

    def test_the_next_host_its_answers_and_the_notification(self):
        far = fake_smtp.FakeServer()
        there = far.host(rcpt={'no': '550 5.1.1 no such user'}).address
        self.options('', ('imta.cnf', '\ntcp_local ', f'\ntcp_local port {far.port} '))
        log = self.follow()
        with self.box.submit('alice', 'secret') as client:
            client.sendmail('alice@example.test', [f'yes@[{there}]', f'no@[{there}]'], 'Subject: far\r\n\r\nhi\r\n')
        wire = rf'TCP\|127\.0\.\d\.\d\|\d+\|{re.escape(there)}\|{far.port}'
        log.wait(rf' tcp_local - O {wire} SMTP/')
        log.wait(rf' tcp_local  DE 1 alice@example\.test rfc822;yes@\S+ yes@\S+ dns;\S+ \({wire}\) \(fake ESMTP\) '
                 r'smtp;250 2\.0\.0 taken$')
        log.wait(r' tcp_local  RE 1 alice@example\.test rfc822;no@\S+ .* smtp;550 5\.1\.1 no such user$')
        log.wait(r' process process E 2  rfc822;alice@example\.test')

    def test_the_day_ends(self):
        folder = os.path.join(self.box.root, 'log')
        self.send(subject='before')
        self.box.wait_queue_empty()
        self.assertIn('rotated', self.box.command('imsimta', 'rotate').stdout)
        old = self.read(os.path.join(folder, 'mail.log_yesterday'))
        self.assertIn(' ims-ms EE 1 ', old)
        waxwing.wait_until(lambda: self.sent_into_new_log(), 'daemons to write to the new log')
        # What the job controller finds of another day when it starts, it rotates.
        current = os.path.join(folder, 'mail.log_current')
        with open(current, 'r+') as file:
            text = re.sub(r'^\S{11}', '01-Jan-2001', file.read(), count=1)
            file.seek(0)
            file.write(text)
        log = self.box.log('job_controller')
        self.box.restart('job_controller')
        log.wait(r'mail_log\.rotated')
        self.assertTrue(self.read(os.path.join(folder, 'mail.log_yesterday')).startswith('01-Jan-2001'))
        self.assertIn(old, self.read(os.path.join(folder, 'mail.log')))

    def sent_into_new_log(self):
        self.send(subject='after')
        path = os.path.join(self.box.root, 'log', 'mail.log_current')
        return os.path.exists(path) and ' ims-ms EE 1 ' in self.read(path)


if __name__ == '__main__':
    waxwing.main()

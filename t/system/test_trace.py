#!/usr/bin/env python3
"""imsimta trace: one message across connections, logs, queue and store."""
import json
import re

import fake_smtp
import waxwing


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    global far
    far = fake_smtp.FakeServer()
    box.edit('imta.cnf', lambda text: text.replace('\ntcp_local ', f'\ntcp_local port {far.port} '))
    box.command('imsimta', 'cnbuild')
    box.start()
    for uid in ('alice', 'bob', 'carol'):
        box.user(uid, 'secret')


class Trace(waxwing.TestCase):
    def trace(self, *words):
        return json.loads(self.box.command('imsimta', 'trace', '-json', *words).stdout)

    def test_the_whole_way(self):
        """Submission, both answers of the next host, the notification and what became of it in the mailbox."""
        there = far.host(rcpt={'no': '550 5.1.1 no such user'}).address
        with self.box.submit('alice', 'secret') as client:
            client.sendmail('alice@example.test', [f'yes@[{there}]', f'no@[{there}]'], 'Subject: far\r\n\r\nhi\r\n')
        self.box.wait_messages('alice', 'secret', 1)
        self.box.wait_queue_empty()
        trace = self.trace(f'yes@[{there}]')
        way = [(event['event'], event.get('to', '').split('@')[0]) for event in trace['events']]
        wanted = [('smtp.open', ''), ('smtp.auth', ''), ('mta.enqueue', 'yes'), ('notify.sent', 'alice'),
                  ('mta.delivered', 'alice')]
        places = [way.index(step) for step in wanted]
        self.assertEqual(places, sorted(places), way)
        self.assertIn(('mta.failed', 'no'), way)
        self.assertIn(('mta.delivered', 'yes'), way)
        self.assertEqual(trace['queue'], [])
        self.assertGreater(len(trace['messages']), 2)
        self.assertEqual(len(trace['sessions']), 1)
        kept = trace['store'][-1]
        self.assertEqual((kept['mailbox'], kept['state']), ('user/alice/INBOX', 'not seen yet'))

        failed = next(event for event in trace['events'] if event['event'] == 'mta.failed')
        text = self.box.command('imsimta', 'trace', failed['qid']).stdout
        self.assertIn('failed channel=tcp_local', re.sub(r' qid=\S+| sid=\S+', '', text))
        self.assertIn(f'Stored: user/alice/INBOX uid {kept["uid"]}: not seen yet\n', text)
        of_session = {event['qid'] for event in self.trace(trace['sessions'][0])['events'] if 'qid' in event}
        self.assertEqual(of_session - set(trace['messages']), set())
        self.assertIn(next(event['qid'] for event in trace['events'] if event['event'] == 'mta.enqueue'), of_session)
        with self.box.imap('alice', 'secret') as client:
            client.select('INBOX')
            client.uid('STORE', str(kept['uid']), '+FLAGS', r'(\Flagged)')
            self.assertEqual(self.trace(failed['qid'])['store'][-1]['state'], r'\Flagged')
            client.uid('STORE', str(kept['uid']), '+FLAGS', r'(\Deleted)')
            client.expunge()
            self.assertEqual(self.trace(failed['qid'])['store'][-1]['state'], 'not there any more')

    def test_what_waits_and_what_nobody_knows(self):
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'ims-ms')
        with self.box.smtp() as client:
            client.sendmail('x@example.test', ['bob@example.test'], 'Subject: waits\r\n\r\nhi\r\n')
        name = waxwing.wait_until(lambda: self.box.queue_files('ims-ms'), 'a file in the queue')[0]
        text = self.box.command('imsimta', 'trace', '-limit=1', 'bob@example.test').stdout
        self.assertIn(f'Waits: {name} to bob@ims-ms-daemon: 0 attempts; its channel is stopped: imsimta queue start\n', text)
        for wanted in ('nobody@nowhere.test', '01ABCDEFGHJKMNPQRSTVWXYZ00', '../../etc/passwd', '@'):
            out = self.box.command('imsimta', 'trace', wanted, check=False)
            self.assertEqual(out.returncode, 1)
            self.assertIn(f'nothing is known of {wanted}', out.stdout + out.stderr)
        self.assertNotEqual(self.box.command('imsimta', 'trace', '-limit=0', 'a@b', check=False).returncode, 0)

    def test_a_client_who_writes_ids_of_others_into_its_commands(self):
        with self.box.smtp() as client:
            client.sendmail('carol@example.test', ['carol@example.test'], 'Subject: mine\r\n\r\nhi\r\n')
        self.box.wait_messages('carol', 'secret', 1)
        mine = self.trace('carol@example.test')
        id = mine['messages'][0]
        with self.box.smtp() as client:
            client.ehlo('client.test')
            client.docmd('MAIL FROM:<"x qid=%s sid=%s"@example.test>' % (id, mine['sessions'][0]))
            self.assertEqual(client.rcpt(f'"no qid={id} "@example.test')[0], 550)
        self.box.log('smtpd', from_start=True).wait(f'no qid={id}')
        self.assertEqual(self.trace(id), mine)


if __name__ == '__main__':
    waxwing.main()

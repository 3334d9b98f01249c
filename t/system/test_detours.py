#!/usr/bin/env python3
"""Messages that stop on their way: pieces that wait for each other, what is discarded and kept for a while."""
import json
import os
import re
import signal

import waxwing

PASSWORD = 'correct horse'
LINES = [f'line {i} of a long message' for i in range(300)]


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('defragment.maxtotal', '50')
    box.edit('imta.cnf', lambda text: re.sub(r'(?m)^(ims-ms|autoreply) ', r'\1 defragment ', text))
    box.edit('mappings', '\nFROM_ACCESS\n\n  *|junk@far.test|*  $V$Y\n  *|quiet@far.test|*  $Y$!\n')
    box.edit('option.dat', 'FILTER_DISCARD=2\n')
    box.command('imsimta', 'cnbuild')
    box.start()


class Case(waxwing.TestCase):
    users = 0

    def setUp(self):
        Case.users += 1
        self.user = f'user{Case.users}'
        self.to = self.box.user(self.user, PASSWORD)

    def send(self, text, sender='alice@far.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, [self.to], text)

    def messages(self, count):
        self.box.wait_messages(self.user, PASSWORD, count)
        with self.box.imap(self.user, PASSWORD) as client:
            client.select('INBOX')
            return [client.fetch(str(n), '(BODY.PEEK[])')[1][0][1].decode() for n in range(1, count + 1)]

    def end_waiting(self, left=0):
        """The time of all pieces that wait is over; so many are held."""
        self.box.set_option('defragment.timeout', 0)
        self.addCleanup(self.box.command, 'imsimta', 'restart', 'job_controller')
        self.addCleanup(self.box.command, 'msconfig', 'unset', 'defragment.timeout')
        self.box.command('imsimta', 'restart', 'job_controller')

        def gone():
            self.box.command('imsimta', 'run', 'defragment')
            return len(self.box.queue_files('defragment')) == left
        waxwing.wait_until(gone, 'the pieces to go', pause=0.1)


class Defragment(Case):
    def piece(self, number, text, id='one@far.test', total=3, more=''):
        ending = f'; total={total}' if total else ''
        return (f'From: alice@far.test\r\nTo: {self.to}\r\nSubject: piece {number}\r\nMessage-ID: <p{number}@far.test>\r\n'
                f'MIME-Version: 1.0\r\n{more}Content-Type: message/partial; id="{id}"; number={number}{ending}\r\n\r\n{text}')

    def three(self, id):
        inner = 'Subject: the whole\r\nMessage-ID: <whole@far.test>\r\nX-Inner: lost\r\nContent-Type: text/plain\r\n\r\n'
        return [self.piece(n + 1, (inner if n == 0 else '') + ''.join(f'{line}\r\n' for line in LINES[n * 100:n * 100 + 100]),
                           id, total=3 if n == 2 else None) for n in range(3)]

    def check_whole(self, text):
        header, _, body = text.partition('\r\n\r\n')
        self.assertEqual(body.split('\r\n'), LINES + [''])
        self.assertIn('\r\nSubject: the whole\r\n', header)
        self.assertIn('\r\nMessage-ID: <whole@far.test>', header)
        self.assertNotIn('message/partial', header)
        self.assertNotIn('piece 1', header)
        self.assertNotIn('X-Inner', header)
        self.assertIn('defragment-daemon', header)
        self.assertEqual(header.count('Return-Path:'), 1)

    def waits(self, log, number):
        log.wait(rf'mta\.deferred .*{self.user}@.*piece {number} of . waits for the others')

    def test_pieces_in_any_order_become_the_message(self):
        log = self.box.log('defragment', from_start=True)
        pieces = self.three('order@far.test')
        for number in (3, 1):
            self.send(pieces[number - 1])
            self.waits(log, number)
        self.send(pieces[1])
        self.check_whole(self.messages(1)[0])
        self.box.wait_queue_empty('defragment')
        whole = log.wait(r'defragment\.whole .*id=order@far\.test')
        self.assertIn('pieces=3', whole)
        self.box.wait_queue_empty('ims-ms')
        piece = re.search(r'qid=(\S+)', log.wait(rf'mta\.delivered .*{self.user}@.*put together')).group(1)
        trace = json.loads(self.box.command('imsimta', 'trace', '-json', piece).stdout)
        self.assertIn(re.search(r' as=(\S+)', whole).group(1), trace['messages'])
        self.assertEqual([(kept['mailbox'], kept['uid']) for kept in trace['store']], [(f'user/{self.user}/INBOX', 1)])
        waxwing.wait_until(lambda: os.listdir(os.path.join(self.box.root, 'resubmit')) == [], 'the marks to go')
        self.assertEqual(self.box.wait_messages(self.user, PASSWORD, 1), 1)

    def test_a_program_that_is_killed_forgets_nothing(self):
        log = self.box.log('defragment', from_start=True)
        pieces = self.three('killed@far.test')
        for number in (1, 2):
            self.send(pieces[number - 1])
            self.waits(log, number)
            os.kill(self.program(), signal.SIGKILL)
        self.send(pieces[2])
        self.check_whole(self.messages(1)[0])
        self.box.wait_queue_empty('defragment')

    def program(self):
        for entry in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{entry}/cmdline') as f:
                    words = f.read().split('\0')
            except OSError:
                continue
            if words[0].endswith('/defragment') and self.box.root in words:
                return int(entry)
        self.fail('no defragment program runs')

    def test_what_does_not_come_in_time_goes_as_it_is(self):
        log = self.box.log('defragment', from_start=True)
        pieces = self.three('late@far.test')
        for number in (1, 3):
            self.send(pieces[number - 1])
            self.waits(log, number)
        self.end_waiting()
        texts = self.messages(2)
        self.assertEqual(sorted(re.search(r'Subject: (.*)\r', text)[1] for text in texts), ['piece 1', 'piece 3'])
        for text in texts:
            self.assertIn('message/partial', text)
        self.box.wait_queue_empty('defragment')
        self.assertIn('2 of 3 pieces came', log.wait(r'defragment\.given_up .*id=late@far\.test'))

    def qm(self, command):
        out = self.box.command('imsimta', 'qm', input=f'directory defragment\n{command} -all\n', check=False)
        self.assertEqual(out.stdout.count('%QM-I-'), 1, out.stdout + out.stderr)

    def send_with_the_first_held(self, id):
        log = self.box.log('defragment', from_start=True)
        for number, piece in enumerate(self.three(id), 1):
            self.send(piece)
            self.waits(log, number)
            if number == 1:
                self.qm('hold')
        return log

    def test_a_held_piece_is_not_here_until_it_is_released(self):
        self.send_with_the_first_held('held@far.test')
        self.qm('release')
        self.check_whole(self.messages(1)[0])
        self.box.wait_queue_empty('defragment')

    def test_nobody_waits_longer_for_a_held_piece(self):
        log = self.send_with_the_first_held('kept@far.test')
        self.end_waiting(left=1)
        self.assertEqual(len(self.messages(2)), 2)
        self.assertIn('2 of 3 pieces came', log.wait(r'defragment\.given_up .*id=kept@far\.test'))
        self.qm('release')
        self.assertEqual(len(self.messages(3)), 3)

    def test_contradictory_pieces_go_as_they_are(self):
        inner = 'Subject: x\r\n\r\n'
        for name, first, second in (('total', self.piece(1, inner, 'total', 3), self.piece(2, 'x', 'total', 2)),
                                    ('overlap', self.piece(1, inner + 'a', 'overlap', 3), self.piece(1, inner + 'b', 'overlap', 3)),
                                    ('beyond', self.piece(3, inner, 'beyond', None), self.piece(1, inner, 'beyond', 2))):
            with self.subTest(name):
                log = self.box.log('defragment')
                self.send(first)
                log.wait(r'mta\.deferred .*waits for the others')
                self.send(second)
                log.wait(rf'defragment\.given_up .*id={name}')
                self.box.wait_queue_empty('defragment')
        self.assertEqual(len(self.messages(6)), 6)

    def test_what_is_no_good_piece_or_one_of_too_many_goes_at_once(self):
        for text in (self.piece(1, 'x', total=1000000), self.piece(0, 'x'), self.piece(1, 'x', id=''), self.piece(4, 'x', total=3),
                     self.piece(1, 'eA==', more='Content-Transfer-Encoding: base64\r\n')):
            self.send(text)
        self.assertEqual(len(self.messages(5)), 5)
        self.box.wait_queue_empty('defragment')

    def test_a_piece_that_is_sent_twice_counts_once(self):
        log = self.box.log('defragment', from_start=True)
        pieces = self.three('twice@far.test')
        self.send(pieces[0])
        self.waits(log, 1)
        self.send(pieces[0])
        log.wait(rf'mta\.delivered .*{self.user}@.*the same piece is here already')
        self.send(pieces[1])
        self.send(pieces[2])
        self.check_whole(self.messages(1)[0])
        self.box.wait_queue_empty('defragment')

    def test_pieces_of_others_do_not_mix(self):
        log = self.box.log('defragment', from_start=True)
        pieces = self.three('mixed@far.test')
        self.send(pieces[0])
        self.waits(log, 1)
        self.send(self.piece(2, 'from mallory\r\n', 'mixed@far.test'), sender='mallory@far.test')
        self.waits(log, 2)
        self.send(pieces[1])
        self.send(pieces[2])
        self.check_whole(self.messages(1)[0])
        self.end_waiting()
        self.assertIn('from mallory', self.messages(2)[1])

    def test_no_automatic_reply_where_a_table_wanted_none(self):
        self.to = self.box.user('away', PASSWORD, '--delivery', 'autoreply', '--set', 'mailAutoReplyText=Away.')
        log = self.box.log('autoreply', from_start=True)
        for sender, outcome in (('asker@far.test', 'outcome=sent as='), ('quiet@far.test', 'outcome="none, an access table wants none"')):
            for piece in self.three(f'from-{sender}'):
                self.send(piece, sender)
            log.wait(rf' autoreply .*to={sender} {outcome}')

    def test_a_message_without_pieces_makes_no_stop(self):
        self.send('Subject: plain\r\n\r\nx\r\n')
        self.assertNotIn('defragment', self.messages(1)[0])


class Discarded(Case):
    def test_it_is_kept_for_a_while(self):
        self.send('Subject: junk\r\n\r\nx\r\n', sender='junk@far.test')
        files = self.box.queue_files('filter_discard')
        self.assertEqual(len(files), 1)
        self.assertIn('junk@far.test', self.box.command('imsimta', 'qm', 'directory', '-envelope', 'filter_discard').stdout)
        log = self.box.log('bitbucket')
        self.box.set_option('filter.discardkeep', '0')
        self.box.command('imsimta', 'reload')
        self.send('Subject: junk\r\n\r\nx\r\n', sender='junk@far.test')
        log.wait(rf'mta\.delivered .*channel=filter_discard .*{self.user}')
        self.assertEqual(self.box.queue_files('filter_discard'), files)


if __name__ == '__main__':
    waxwing.main()

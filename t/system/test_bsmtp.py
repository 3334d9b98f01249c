#!/usr/bin/env python3
"""Channels for batches of SMTP commands: messages go out as one, and come in by one, each of them once."""
import email
import email.policy
import os
import re
import tempfile

import waxwing

PASSWORD = 'correct horse'
FAILPOINT = os.path.join(tempfile.gettempdir(), f'waxwing-bsmtp-{os.getpid()}')


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('bsmtp.wait', 3)
    box.edit('local.rules', 'partner.test  $U%$D@bsout-daemon\nround.test  $U%$D@round-daemon\nbsmtp.test  $U%$D@bsin-daemon\nfar.test  $U%$D@bitbucket-daemon\n')
    box.edit('imta.cnf', '\nbsout_partner daemon gateway@example.test maxjobs 1\nbsout-daemon\n'
        '\nbsout_round daemon x@round.test maxjobs 1\nround-daemon\n\nbsin_partner\nbsin-daemon\n')
    box.edit('mappings', '\nSEND_ACCESS\n\n  bsin_partner|bad@far.test|*|*  $NNot$ a$ sender$ of$ ours\n')
    box.command('imsimta', 'cnbuild')
    box.env['WAXWING_FAILPOINTS'] = FAILPOINT
    box.start()
    for user in ('gateway', 'sender', 'one', 'two'):
        box.user(user, PASSWORD)


def tearDownModule():
    for name in (FAILPOINT, FAILPOINT + '.passed'):
        if os.path.exists(name):
            os.unlink(name)


def transaction(sender, *recipients, subject='in a batch', text='words\r\n'):
    return (f'MAIL FROM:<{sender}>\r\n' + ''.join(f'RCPT TO:<{to}>\r\n' for to in recipients) +
            f'DATA\r\nFrom: <{sender}>\r\nSubject: {subject}\r\n\r\n{text}.\r\n')


class Bsmtp(waxwing.TestCase):
    count = 0

    def setUp(self):
        Bsmtp.count += 1
        self.subject = f'subject {Bsmtp.count}'
        self.log = self.box.log('bsin')

    def send(self, to, text, sender='sender@example.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, to, text)

    def send_batch(self, *transactions, sender='sender@example.test', end='QUIT\r\n'):
        self.send(['bsmtp@bsmtp.test'], 'Subject: batch\r\nMIME-Version: 1.0\r\nContent-Type: application/batch-SMTP\r\n\r\n'
                  'EHLO partner.test\r\n' + ''.join(transactions) + end, sender)

    def found(self, user, subject, count=1):
        """The messages of that subject, once there are so many."""
        def look():
            with self.box.imap(user, PASSWORD) as client:
                client.select('INBOX')
                numbers = client.search(None, 'SUBJECT', f'"{subject}"')[1][0].split()
                return [client.fetch(number, '(BODY.PEEK[])')[1][0][1] for number in numbers]
        waxwing.wait_until(lambda: len(look()) >= count, f'{count} of {subject!r} for {user}')
        self.box.wait_queue_empty()
        return [email.message_from_bytes(text, policy=email.policy.default) for text in look()]

    def test_messages_go_out_as_one(self):
        for to, text in (('joe@partner.test', 'one'), ('ann@partner.test', '.two')):
            self.send([to], f'From: sender@example.test\r\nSubject: {self.subject}\r\n\r\n{text}\r\n')
        batches = self.found('gateway', 'Batch of 2 messages')
        self.assertEqual(len(batches), 1)
        self.assertEqual(batches[0].get_content_type().lower(), 'application/batch-smtp')
        text = batches[0].get_payload(decode=True).decode()
        self.assertRegex(text, r'^EHLO \S+\r\nMAIL FROM:<sender@example\.test>.*\r\nRCPT TO:<(joe|ann)@partner\.test> ORCPT=rfc822;\1@partner\.test\r\nDATA\r\n')
        self.assertEqual(len(re.findall(r'\r\nMAIL FROM:', text)), 2)
        self.assertIn('\r\n\r\n..two\r\n.\r\n', text)
        self.assertTrue(text.endswith('\r\n.\r\nQUIT\r\n'))

    def test_a_batch_in_a_batch_is_returned(self):
        log = self.box.log('bsout')
        self.send(['joe@round.test'], f'From: sender@example.test\r\nSubject: {self.subject}\r\n\r\nx\r\n')
        self.assertRegex(log.wait(r'mta\.failed '), r'5\.4\.6 a batch comes back to channel bsout_round')

    def test_transactions_are_delivered_and_refused_each_for_itself(self):
        self.send_batch(transaction('sender@example.test', 'one@example.test', 'two@example.test', subject=self.subject),
                        transaction('sender@example.test', 'nobody@example.test', 'two@example.test', subject=self.subject, text='..dot\r\n'),
                        transaction('bad@far.test', 'one@example.test', subject=self.subject))
        self.assertEqual(len(self.found('one', self.subject)), 1)
        texts = {message.get_content() for message in self.found('two', self.subject, 2)}
        self.assertEqual({text.replace('\r\n', '\n') for text in texts}, {'words\n', '.dot\n'})
        self.assertRegex(self.log.wait(r'mta\.failed .*nobody@'), r'5\.1\.1')
        self.assertRegex(self.log.wait(r'mta\.failed .*from=bad@far\.test|mta\.failed .*Not a sender'), r'Not a sender of ours')

    def test_a_malformed_batch_is_returned_whole(self):
        self.send_batch(transaction('sender@example.test', 'one@example.test', subject=self.subject), 'RCPT TO:<one@example.test>\r\n')
        says = r'5\.6\.0 malformed batch, nothing of it was done: line 10 of the batch: RCPT outside a transaction'
        self.assertRegex(self.log.wait(r'mta\.failed '), says)
        self.box.wait_queue_empty()
        with self.box.imap('one', PASSWORD) as client:
            client.select('INBOX')
            self.assertEqual(client.search(None, 'SUBJECT', f'"{self.subject}"')[1], [b''])

    def test_a_malformed_batch_of_nobody_is_held(self):
        self.send_batch('NONSENSE\r\n', sender='')
        self.log.wait(r'bsmtp\.batch\.refused .*is no command of a batch')
        waxwing.wait_until(lambda: [name for name in self.box.queue_files('bsin_partner') if name.endswith('.HELD')], 'the held batch')
        self.box.command('imsimta', 'qm', 'directory', '-held', 'bsin_partner')
        self.box.command('imsimta', 'qm', 'delete', '-all', '-nolog')

    def test_nothing_goes_twice_when_the_program_dies(self):
        # Behind the commit, before the file is gone: of the batch, then of each transaction.
        for n in (1, 2, 3):
            with self.subTest(n=n):
                subject = f'{self.subject} {n}'
                with open(FAILPOINT + '.new', 'w') as file:
                    file.write(f'bsin:queue.remove=exit@{n}\n')
                os.rename(FAILPOINT + '.new', FAILPOINT)
                self.send_batch(transaction('sender@example.test', 'one@example.test', subject=subject),
                                transaction('sender@example.test', 'one@example.test', subject=subject, text='second\r\n'))
                waxwing.wait_until(lambda: not os.path.exists(FAILPOINT), 'the program to die')
                self.assertEqual(len(self.found('one', subject, 2)), 2)
        folder = os.path.join(self.box.root, 'resubmit')
        waxwing.wait_until(lambda: not os.listdir(folder), f'{folder} to be empty, since all is done')


if __name__ == '__main__':
    waxwing.main()

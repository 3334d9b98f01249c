#!/usr/bin/env python3
"""Disposition notifications (RFC 8098): made where a program handles a message for its user, and what becomes of
those that come by."""
import email
import email.policy
import os
import re

import waxwing

PASSWORD = 'secret'
TABLE = r'''
DISPOSITION_LANGUAGE

  processed||autoreply|de*|*|*  $I$D$Tde|german|iso-8859-1|Empfangen
'''


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    folder = os.path.join(box.root, 'config/locale/german')
    os.makedirs(folder)
    with open(os.path.join(folder, 'disposition_processed.txt'), 'w', encoding='utf-8') as file:
        file.write('Bearbeitet f\u00fcr:\n\n%R')
    with open(os.path.join(folder, 'disposition_prefix.txt'), 'w', encoding='utf-8') as file:
        file.write('Content-Type: text/plain; charset=utf-8\n\nZu Ihrer Nachricht:\n\n%H\n')
    box.edit('mappings', TABLE)
    box.edit('imta.cnf', '\nprocess_mdn\nprocess_mdn-daemon\n')
    box.edit('job_controller.cnf', '\n[CHANNEL=process_mdn]\nMASTER_COMMAND=IMTA_EXE:process\n')
    box.command('imsimta', 'cnbuild')
    box.start()
    box.user('asker', PASSWORD)
    away = ('--delivery', 'mailbox', '--delivery', 'autoreply')
    box.user('silent', PASSWORD, *away, '--set', 'mailAutoReplyMode=echo')
    box.user('chatty', PASSWORD, *away, '--set', 'mailAutoReplyMode=echo', '--set', 'mailAutoReplyText=Gr\u00fc\u00dfe, away.')
    box.user('plain', PASSWORD, *away, '--set', 'mailAutoReplyText=Away.')


class Dispositions(waxwing.TestCase):
    sent = 0

    def send(self, to, fields=''):
        """One message of asker's; what autoreply made of it, by its log."""
        Dispositions.sent += 1
        log = self.box.log('autoreply')
        text = (f'From: asker@example.test\r\nTo: {to}@example.test\r\nSubject: lunch\r\n'
                f'Message-ID: <m{self.sent}@example.test>\r\n{fields}\r\nfood\r\n')
        with self.box.smtp() as client:
            client.sendmail('asker@example.test', [f'{to}@example.test'], text)
        line = log.wait(rf' autoreply .*user={to}@example\.test ')
        return re.search(r'outcome=("[^"]*"|\S+)', line).group(1).strip('"')

    def newest(self):
        """The newest message of asker's, after everything has arrived."""
        self.box.wait_queue_empty()
        with self.box.imap('asker', PASSWORD) as client:
            count = int(client.select('INBOX')[1][0])
            data = client.fetch(str(count), '(BODY.PEEK[])')[1][0][1]
        return email.message_from_bytes(data, policy=email.policy.default)

    ASKS = 'Disposition-Notification-To: Asker <asker@example.test>\r\n'

    def test_who_asks_is_told_that_the_message_was_handled(self):
        self.assertEqual(self.send('silent', self.ASKS), 'sent as a disposition notification')
        found = self.newest()
        self.assertEqual(found['Return-Path'], '<>')
        self.assertEqual(found['Auto-Submitted'], 'auto-replied')
        self.assertIsNone(found['Disposition-Notification-To'])
        self.assertEqual(found.get_content_type(), 'multipart/report')
        self.assertEqual(found.get_param('report-type'), 'disposition-notification')
        words, report, original = found.iter_parts()
        self.assertIn('handled by a program', words.get_content())
        self.assertEqual(report.get_content_type(), 'message/disposition-notification')
        fields = report.get_payload()[0] if report.is_multipart() else email.message_from_string(report.get_content())
        self.assertEqual(fields['Final-Recipient'], 'rfc822;silent@example.test')
        self.assertEqual(fields['Original-Recipient'], 'rfc822;silent@example.test')
        self.assertEqual(fields['Disposition'], 'automatic-action/MDN-sent-automatically; processed')
        inner = original.get_payload()[0]
        self.assertEqual(inner['Message-ID'], fields['Original-Message-ID'])
        self.assertEqual(inner.get_content().strip(), 'food')

    def test_who_does_not_ask_or_asks_for_another_is_not(self):
        self.assertEqual(self.send('silent'), 'none, the user has no words for it')
        victim = 'Disposition-Notification-To: victim@example.test\r\n'
        self.assertEqual(self.send('silent', victim), 'none, the user has no words for it')
        self.assertEqual(self.send('plain', self.ASKS), 'sent')
        self.assertEqual(self.newest().get_content_type(), 'text/plain')
        self.assertIn('Precedence', self.send('silent', self.ASKS + 'Precedence: bulk\r\n'))
        self.assertIn('Auto-Submitted', self.send('silent', self.ASKS + 'Auto-Submitted: auto-generated\r\n'))
        report = 'Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n'
        self.assertIn('report', self.send('silent', self.ASKS + report))

    def test_words_once_a_period_and_a_notification_for_each_that_asks(self):
        self.assertEqual(self.send('chatty', self.ASKS), 'sent as a disposition notification')
        self.assertIn('Grüße, away.', next(self.newest().iter_parts()).get_content())
        self.assertEqual(self.send('chatty'), 'none, this sender has been told in this period')
        self.assertEqual(self.send('chatty', self.ASKS), 'sent as a disposition notification')
        self.assertIn('handled by a program', next(self.newest().iter_parts()).get_content())

    def test_the_mapping_chooses_words_charset_and_subject(self):
        self.assertEqual(self.send('silent', self.ASKS + 'Accept-Language: de-CH, en\r\n'),
                         'sent as a disposition notification')
        found = self.newest()
        self.assertEqual(found['Subject'], 'Empfangen')
        words = next(found.iter_parts())
        self.assertIn('Bearbeitet für:\n\n  silent@example.test', words.get_content().replace('\r\n', '\n'))
        self.assertEqual(words['Content-Language'], 'de')

    def test_the_mailbox_tells_the_address_that_was_meant(self):
        self.box.user('real', PASSWORD, '--set', 'mailAlternateAddress=nick@example.test')
        with self.box.smtp() as client:
            for number, fields in enumerate((self.ASKS, '')):
                client.sendmail('asker@example.test', ['nick@example.test'], f'Subject: {number}\r\n{fields}\r\nx\r\n')
        self.box.wait_messages('real', PASSWORD, 2)
        with self.box.imap('real', PASSWORD) as client:
            client.select('INBOX')
            texts = [client.fetch(str(n), '(BODY.PEEK[HEADER])')[1][0][1].decode() for n in (1, 2)]
        asked, other = sorted(texts, key=lambda text: 'Disposition-Notification-To' not in text)
        self.assertIn('\nOriginal-Recipient: rfc822;nick@example.test\r\n', '\n' + asked)
        self.assertNotIn('Original-Recipient', other)

    def test_nobody_is_told_of_a_report_that_comes_back(self):
        self.addCleanup(self.box.command, 'imsimta', 'queue', 'start', 'ims-ms')
        self.box.wait_queue_empty()
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        log = self.box.log('ims_master')
        kind = 'Content-Type: multipart/report; report-type={}; boundary=x\r\n'
        for report, happens in (('disposition-notification', r'notify\.dropped .*is a report itself'),
                                ('feedback-report', r'notify\.sent .*to=asker@example\.test')):
            with self.box.smtp() as client:
                client.sendmail('asker@example.test', ['plain@example.test'],
                                f'Subject: report\r\nAuto-Submitted: auto-replied\r\n{kind.format(report)}\r\n--x--\r\n')
            name, = self.box.queue_files('ims-ms')
            self.box.command('imsimta', 'return', name)
            self.box.command('imsimta', 'queue', 'start', 'ims-ms')
            log.wait(happens)
            self.box.wait_queue_empty()
            self.box.command('imsimta', 'queue', 'stop', 'ims-ms')

    def test_a_channel_of_its_own_and_the_documented_echo(self):
        self.addCleanup(self.box.command, 'imsimta', 'restart', 'job_controller')
        self.addCleanup(self.box.command, 'imsimta', 'cnbuild')
        self.box.edit('imta.cnf', lambda text: re.sub(r'(?m)^autoreply ', 'autoreply dispositionchannel process_mdn ', text),
                      until=self)
        self.box.edit('option.dat', 'ECHO_DISPOSITION=1\n', until=self)
        self.box.command('imsimta', 'cnbuild')
        self.box.command('imsimta', 'restart', 'job_controller')
        self.box.user('else', PASSWORD, '--delivery', 'mailbox', '--delivery', 'autoreply', '--set', 'mailAutoReplyText=Away.')
        self.box.command('imsimta', 'queue', 'stop', 'process_mdn')
        self.assertEqual(self.send('silent'), 'sent as a disposition notification')
        self.assertEqual(len(self.box.queue_files('process_mdn')), 1)
        self.assertEqual(self.send('else'), 'sent')  # documented for all automatic replies
        self.assertEqual(len(self.box.queue_files('process_mdn')), 2)
        self.box.command('imsimta', 'queue', 'start', 'process_mdn')
        self.assertIn(self.newest().get_content_type(), ('multipart/report', 'text/plain'))


if __name__ == '__main__':
    waxwing.main()

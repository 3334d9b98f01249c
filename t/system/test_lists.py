"""Lists: what they do to a message, who may write, and how large ones are followed."""
import json
import os
import re

import waxwing

MEMBERS = 3000


def setUpModule():
    waxwing.start_shared()


class Lists(waxwing.TestCase):
    def send(self, to, text, sender='a@far.test'):
        with self.box.smtp() as client:
            client.sendmail(sender, [to], text)

    def aliases(self, text, **files):
        """Adds to the aliases file; files beside it by name."""
        for name, content in files.items():
            self.box.write_config(name, content)
        self.addCleanup(self.box.publish)
        self.box.edit('aliases', text, until=self)
        self.box.publish()

    def received(self, user, count=1):
        self.box.wait_messages(user, 'secret', count)
        with self.box.imap(user, 'secret') as client:
            client.select('INBOX')
            return client.fetch(str(count), '(BODY.PEEK[])')[1][0][1].decode()

    def test_a_list_of_the_aliases_file_changes_what_goes_to_its_members_only(self):
        for name in ('member', 'other'):
            self.box.user(name, 'secret')
        self.aliases('news: <news.members, [TAG] "[news]", [HEADER_ADDITION] news.fields, [PRECEDENCE] list,'
                     ' [SUFFIX_TEXT] "--\\nyours, the list", owner@example.test, news@example.test\n',
                     **{'news.members': 'member@example.test\n', 'news.fields': 'List-Id: <news.example.test>\n'})
        with self.box.smtp() as client:
            client.sendmail('a@far.test', ['news@example.test', 'other@example.test'],
                            'From: a@far.test\r\nReply-To: a@far.test\r\nSubject: hello\r\n\r\nbody\r\n')
        text = self.received('member')
        self.assertIn('Return-Path: <owner@example.test>', text)
        self.assertIn('Subject: [news] hello', text)
        self.assertIn('List-Id: <news.example.test>', text)
        self.assertIn('Precedence: list', text)
        self.assertIn('Reply-To: news@example.test', text)
        self.assertNotIn('Reply-To: a@far.test', text)
        self.assertTrue(text.endswith('body\r\n--\r\nyours, the list\r\n'), text)
        plain = self.received('other')
        self.assertIn('Subject: hello', plain)
        self.assertNotIn('List-Id', plain)
        self.assertTrue(plain.endswith('body\r\n'))

    def test_a_list_numbers_its_messages_and_tells_where_they_came_from(self):
        self.box.user('reader', 'secret')
        self.aliases('count: <count.members, [SEQUENCE_PREFIX] count, [SEQUENCE_STRIP], [RECEIVEDFOR], [RECEIVEDFROM],'
                     ' [NODEFERRED], owner@example.test\n', **{'count.members': 'reader@example.test\n'})
        texts = []
        for number, subject in enumerate(('hello', 'Re: 1 hello', 'Re: 7 dwarfs'), 1):
            self.send('count@example.test', f'From: a@far.test\r\nSubject: {subject}\r\n'
                      'Deferred-Delivery: Sat, 1 Jan 2050 00:00:00 +0000\r\n\r\nx\r\n')
            texts.append(self.received('reader', number))
        subjects = [re.search(r'^Subject: (.*)\r$', text, re.M)[1] for text in texts]
        self.assertEqual(subjects, ['1 hello', '2 Re: hello', '3 Re: 7 dwarfs'])
        for text in texts:
            self.assertNotIn('Deferred-Delivery', text)
            self.assertRegex(text, r'Received: from process-daemon\S+ by \S+\r\n \(Waxwing\) id \S+\r\n'
                                   r' \(original envelope From a@far\.test\)\r\n for <count@example\.test>; ')

    def test_a_large_list_is_followed_behind_the_session(self):
        for name in ('m1', 'm2'):
            self.box.user(name, 'secret')
        lines = [f'x{i}@discard.test' for i in range(MEMBERS)] + ['m1@example.test', 'm2@example.test']
        self.aliases('crowd: <crowd.members, owner@example.test\n', **{'crowd.members': '\n'.join(lines) + '\n'})
        log = self.box.log('process', from_start=True)
        self.send('crowd@example.test', 'Subject: to the crowd\r\n\r\nx\r\n')
        self.received('m1')
        self.received('m2')
        self.assertTrue(log.wait(rf'mta.list.expanded .*members={MEMBERS + 2}'))
        self.box.wait_queue_empty('process')

    def counts(self):
        rows = [json.loads(line) for line in self.box.command('imsimta', 'counters', '-json', check=False).stdout.splitlines()]
        return {(row['channel'], name): row[name] for row in rows for name in row if name != 'channel'}

    def test_members_are_counted_in_whatever_files_they_are_and_without_a_log(self):
        self.box.edit('imta.cnf', lambda text: text.replace(' logging ', ' '), until=self)
        self.aliases('counted: <counted.members, owner@example.test\n',
                     **{'counted.members': ''.join(f'z{i}@discard.test\n' for i in range(MEMBERS))})
        before = self.counts()
        self.send('counted@example.test', 'Subject: to all\r\n\r\nx\r\n')
        self.box.wait_queue_empty('process')
        after = self.counts()
        more = {what: after[what] - before.get(what, 0) for what in after}
        for channel, what in (('bitbucket', 'received'), ('process', 'submitted')):
            self.assertEqual((more[channel, f'{what}_messages'], more[channel, f'{what}_recipients']), (1, MEMBERS), channel)

    def test_a_large_list_whose_members_are_in_a_channel_with_a_form(self):
        # Members of other channels are in their files before the form is made from the same message.
        self.keywords('ims-ms', 'headertrim')
        self.box.write_config('ims-ms_headers.opt', 'X-Secret: MAXIMUM=-1\nOrganization: FILL="Example"\n')
        names = ('f1', 'f2')
        for name in names:
            self.box.user(name, 'secret')
        lines = ['f1@example.test'] + [f'y{i}@discard.test' for i in range(MEMBERS)] + ['f2@example.test']
        self.aliases('shaped: <shaped.members, owner@example.test\n', **{'shaped.members': '\n'.join(lines) + '\n'})
        log = self.box.log('process')
        body = ''.join(f'line {i} of the body\r\n' for i in range(8000))  # more than one buffer
        self.send('shaped@example.test', 'X-Secret: s\r\nSubject: to all\r\n\r\n' + body)
        for name in names:
            text = self.received(name)
            self.assertNotIn('X-Secret', text)
            self.assertIn('organization: Example\r\n', text)
            self.assertIn('Return-Path: <owner@example.test>', text)
            self.assertTrue(text.endswith('\r\n\r\n' + body), text[:2000] + text[-200:])
        self.assertTrue(log.wait(rf'mta.list.expanded .*members={MEMBERS + 2}'))
        self.box.wait_queue_empty('process')

    def test_the_log_tells_of_each_member_when_the_message_is_in_the_queue(self):
        self.box.user('told', 'secret')
        self.aliases('told-of: <told.members, owner@example.test\n',
                     **{'told.members': 'told@example.test\n' + ''.join(f'{i}@discard.test\n' for i in range(60))})
        log = waxwing.LogFollower(os.path.join(self.box.root, 'log', 'mail.log_current'))
        self.send('told-of@example.test', 'Subject: to all\r\n\r\nx\r\n')
        log.wait(r'process ims-ms E 1 owner@example\.test rfc822;told-of@example\.test told@ims-ms-daemon$')
        for i in (0, 59):
            log.wait(rf'process bitbucket E 1 owner@example\.test rfc822;told-of@example\.test {i}@discard\.test$')
        self.received('told')

    def keywords(self, channel, words):
        self.box.edit('imta.cnf', lambda text: re.sub(rf'(?m)^{channel}(?=[ \n])', f'{channel} {words}', text), until=self)

    def test_limits_of_a_members_channel_are_for_this_member_alone(self):
        self.box.user('strict', 'secret')
        self.keywords('ims-ms', 'sensitivitynormal linelimit 20 blocklimit 4')
        self.aliases('mixed: <mixed.members, owner@example.test\n',
                     **{'mixed.members': 'strict@example.test\n' + ''.join(f'{i}@discard.test\n' for i in range(60))})
        log = self.box.log('process', from_start=True)
        member = r'mta\.member\.refused .*member=strict@example\.test'
        for text, why in (('Sensitivity: private\r\n\r\nx\r\n', 'private'),
                          ('Subject: long\r\n\r\n' + 'x\r\n' * 30, '20 lines'),
                          ('Subject: wide\r\n\r\n' + ('x' * 900 + '\r\n') * 6, 'larger')):
            self.send('mixed@example.test', text)
            log.wait(member + f'.*{why}')
            log.wait('mta.list.expanded .*members=60')
        self.send('mixed@example.test', 'Subject: fits\r\n\r\nx\r\n')
        self.assertIn('Subject: fits', self.received('strict'))

    def test_two_lists_that_hold_each_other(self):
        self.box.user('circle', 'secret')
        self.aliases('left: <left.members, [TAG] "[left]", owner@example.test\n'
                     'right: <right.members, [TAG] "[right]", owner@example.test\n',
                     **{'left.members': 'left@example.test\nright@example.test\ncircle@example.test\n',
                        'right.members': 'left@example.test\n'})
        self.send('left@example.test', 'Subject: round\r\n\r\nx\r\n')
        self.assertIn('Subject: [left] round', self.received('circle'))
        self.box.wait_queue_empty('process')

    def test_a_group_with_a_password_and_a_tag(self):
        self.box.user('pm1', 'secret')
        self.box.command('commadmin', 'group', 'create', '--name', 'closed', '--member', 'pm1',
                         '--set', 'mgrpBroadcasterPolicy=PASSWORD_REQUIRED', '--set', 'mgrpAuthPassword=open sesame',
                         '--set', 'mgrpSubjectTag=[closed]', '--set', 'mgrpAddHeader=List-Id: <closed.example.test>',
                         '--set', 'mgrpErrorsTo=mailto:owner@example.test')
        self.box.user('writer', 'secret')
        log = self.box.log('process', from_start=True)
        self.send('closed@example.test', 'To: closed@example.test\r\nApproved: open barley\r\n'
                  'Subject: no\r\n\r\nx\r\n', sender='writer@example.test')
        notice = self.received('writer')
        self.assertIn('you are not allowed to write to this list', notice)
        self.send('closed@example.test', 'To: closed@example.test\r\nApproved: open sesame\r\n'
                  'Subject: yes\r\n\r\nx\r\n', sender='writer@example.test')
        text = self.received('pm1')
        self.assertIn('Subject: [closed] yes', text)
        self.assertIn('List-Id: <closed.example.test>', text)
        self.assertIn('Return-Path: <owner@example.test>', text)
        self.assertNotIn('sesame', text)
        self.assertTrue(log.wait('mta.list.expanded'))


class Away(waxwing.TestCase):
    def test_a_user_who_is_away_answers_once(self):
        self.box.user('away', 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply',
                      '--set', 'mailAutoReplyText=Back on Monday.$Joe', '--set', 'mailAutoReplySubject=Away: $SUBJECT')
        self.box.user('asker', 'secret')
        log = self.box.log('autoreply', from_start=True)
        message = 'From: asker@example.test\r\nTo: away@example.test\r\nSubject: lunch\r\n\r\nx\r\n'
        for _ in range(2):
            with self.box.smtp() as client:
                client.sendmail('asker@example.test', ['away@example.test'], message)
        self.assertEqual(self.box.wait_messages('away', 'secret', 2), 2)
        self.assertTrue(log.wait('autoreply .*has been told'))
        self.box.wait_queue_empty()
        self.assertEqual(self.box.wait_messages('asker', 'secret', 1), 1)
        with self.box.imap('asker', 'secret') as client:
            client.select('INBOX')
            text = client.fetch('1', '(BODY.PEEK[])')[1][0][1].decode()
        self.assertIn('Subject: Away: lunch', text)
        self.assertIn('Return-Path: <>', text)
        self.assertIn('Back on Monday.\r\nJoe', text)
        self.assertIn('Auto-Submitted: auto-replied', text)

    def test_without_the_sign_for_dates_an_answer_does_not_end(self):
        self.addCleanup(self.box.publish)
        self.box.edit('option.dat', 'DELIVERY_OPTIONS=*mailbox=$M%$\\$2I$_+$2S@ims-ms-daemon,*!autoreply=$M+$D@bitbucket\n', until=self)
        self.box.publish()
        self.box.user('gone', 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply',
                      '--set', 'mailAutoReplyText=Left for good.', '--set', 'vacationEndDate=20010101')
        self.box.user('curious', 'secret')
        with self.box.smtp() as client:
            client.sendmail('curious@example.test', ['gone@example.test'], 'To: gone@example.test\r\n\r\nx\r\n')
        self.assertEqual(self.box.wait_messages('curious', 'secret', 1), 1)

    def test_two_users_who_are_away_do_not_write_to_each_other_for_ever(self):
        for name in ('ping', 'pong'):
            self.box.user(name, 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply',
                          '--set', 'mailAutoReplyText=Away.', '--set', 'mailAutoReplyTimeOut=1')
        with self.box.smtp() as client:
            client.sendmail('ping@example.test', ['pong@example.test'], 'To: pong@example.test\r\n\r\nx\r\n')
        self.box.wait_messages('ping', 'secret', 1)
        self.box.wait_queue_empty()
        self.assertEqual(self.box.wait_messages('pong', 'secret', 1), 1)
        self.assertEqual(self.box.wait_messages('ping', 'secret', 1), 1)


if __name__ == '__main__':
    waxwing.main()

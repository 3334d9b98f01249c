#!/usr/bin/env python3
"""Access tables in a session: groups, counts, what a user may send, automatic replies, and a closer look in the log."""
import imaplib
import smtplib

import waxwing

TABLES = r"""
FROM_ACCESS

  TCP|*|MAIL|tcp_submit|staff@*|*    $Y$I$2|crew@example.test|For$ the$ crew$ only
  *|debug@*|*                        $Y$U1
  *|quiet@*|*                        $Y$!

MAIL_ACCESS

  TCP|*|*|*|*|*|MAIL|*|*|*|*|4/*     $NFour$ are$ too$ many
"""


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.edit('mappings', TABLES)
    box.edit('option.dat', 'ACCESS_COUNTS=16\nLDAP_RECIPIENTLIMIT=departmentNumber\nLDAP_SOURCEBLOCKLIMIT=roomNumber\n')
    box.set_option('directory.attributes', 'departmentNumber,roomNumber')
    box.command('imsimta', 'cnbuild')
    box.start()
    box.user('alice', 'secret', '--set', 'departmentNumber=2', '--set', 'roomNumber=3')
    for uid in ('bob', 'carol', 'dave', 'asker'):
        box.user(uid, 'secret')
    box.user('away', 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply', '--set', 'mailAutoReplyText=Away.')
    box.user('later', 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply', '--set', 'mailAutoReplyText=Away.',
             '--set', 'mailDeferProcessing=yes')
    box.command('commadmin', 'group', 'create', 'crew', '--member', 'alice')


class ShutOut(waxwing.TestCase):
    def test_open_sessions_of_a_user_who_is_made_inactive_end(self):
        self.box.set_option('directory.logintime', '0')
        self.box.restart('dispatcher', 'imapd')
        self.addCleanup(self.box.restart, 'dispatcher', 'imapd')
        self.addCleanup(self.box.set_option, 'directory.logintime', '60')
        for uid, change in (('thief', ['modify', 'thief', '--status', 'inactive']), ('leaver', ['delete', 'leaver'])):
            with self.subTest(uid):
                self.box.user(uid, 'secret')
                smtp, imap, other = self.box.submit(uid, 'secret'), self.box.imap(uid, 'secret'), self.box.imap('bob', 'secret')
                smtp.sendmail(f'{uid}@example.test', ['bob@example.test'], 'Subject: before\r\n\r\nx\r\n')
                imap.select('INBOX')
                log = self.box.log('imapd')
                self.box.command('commadmin', 'user', *change)

                def sends_no_more():  # the first command may still be answered by what was known
                    try:
                        code = smtp.mail(f'{uid}@example.test')[0]
                        return code == 421 or (smtp.rset()[0] == 421)
                    except smtplib.SMTPServerDisconnected:
                        return True
                waxwing.wait_until(sends_no_more, 'the SMTP session to end')
                self.box.log('smtpd', from_start=True).wait(rf'smtp\.shut_out .*{uid}')

                def is_out():
                    try:
                        imap.noop()
                    except imaplib.IMAP4.abort:
                        return 'CONTACTADMIN' in str(imap.untagged_responses.get('BYE'))
                waxwing.wait_until(is_out, 'the IMAP session to end')
                log.wait(rf'imap\.shut_out .*{uid}')
                self.assertEqual(other.noop()[0], 'OK', 'others stay')
                other.logout()


class Access(waxwing.TestCase):
    def test_a_sender_address_that_a_group_may_use(self):
        with self.box.submit('alice', 'secret') as client:
            self.assertEqual(client.mail('staff@example.test')[0], 250)
        with self.box.submit('bob', 'secret') as client:
            self.assertEqual(client.mail('staff@example.test'), (550, b'5.7.1 For the crew only'))
            self.assertEqual(client.mail('bob@example.test')[0], 250)

    def test_the_fourth_recipient(self):
        with self.box.smtp() as client:
            client.ehlo('client.test')
            client.mail('x@example.test')
            answers = [client.rcpt(f'{name}@example.test')[0] for name in ('bob', 'nobody', 'carol', 'dave')]
            self.assertEqual(answers, [250, 550, 250, 550])
            client.rset()
            client.mail('x@example.test')
            self.assertEqual(client.rcpt('dave@example.test')[0], 250, 'it begins anew')

    def test_counts_are_not_forged_by_addresses(self):
        with self.box.smtp() as client:
            client.ehlo('client.test')
            for sender in ('"a|4/0/1/"@far.test', '4/0/1/@far.test'):
                client.mail(sender)
                self.assertEqual(client.rcpt('bob@example.test')[0], 250, sender)
                self.assertNotEqual(client.rcpt('"x|4/9/9/"@example.test')[0] // 100, 4)
                client.rset()
            client.mail('a@far.test')
            client.rcpt('"bob|4/"@example.test')
            self.assertEqual(client.rcpt('carol@example.test')[0], 250)

    def test_what_the_directory_lets_a_user_send(self):
        with self.box.submit('alice', 'secret') as client:
            client.ehlo('client.test')
            client.mail('alice@example.test')
            answers = [client.rcpt(f'{name}@example.test')[0] for name in ('bob', 'carol', 'dave')]
            self.assertEqual(answers, [250, 250, 452])
            client.rset()
            self.assertEqual(client.mail('alice@example.test', ['SIZE=4000'])[0], 552)
        with self.box.submit('bob', 'secret') as client:
            self.assertEqual(client.mail('bob@example.test', ['SIZE=4000'])[0], 250)
            answers = [client.rcpt(f'{name}@example.test')[0] for name in ('bob', 'carol', 'dave')]
            self.assertEqual(answers, [250, 250, 250])

    def test_no_automatic_reply_where_a_table_says_so(self):
        log = self.box.log('autoreply', from_start=True)
        for user in ('away@example.test', 'later@example.test'):  # the process channel looks where later's mail goes
            for sender in ('quiet@example.test', 'asker@example.test'):
                with self.box.smtp() as client:
                    client.sendmail(sender, [user], f'From: {sender}\r\nTo: {user}\r\nSubject: there?\r\n\r\nx\r\n')
            log.wait(rf' autoreply .*user={user} to=quiet@example\.test .*"none, an access table wants none"')
            log.wait(rf' autoreply .*user={user} to=asker@example\.test outcome=sent as=\w+')

    def test_a_closer_look_at_one_sender(self):
        log = self.box.log('smtpd')
        for sender in ('plain@far.test', 'debug@far.test'):
            with self.box.smtp() as client:
                client.sendmail(sender, ['bob@example.test'], 'Subject: look\r\n\r\nx\r\n')
        log.wait(r' mta\.debug .*MAIL_ACCESS probe: .*debug@far\.test')
        self.assertFalse([line for line in log.lines if 'mta.debug' in line and 'plain@' in line])


if __name__ == '__main__':
    waxwing.main()

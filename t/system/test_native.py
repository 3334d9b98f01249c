#!/usr/bin/env python3
"""Delivery into mailboxes of the system: mbox files with their locks, and Maildirs."""
import fcntl
import mailbox
import os
import pwd
import re
import stat

import waxwing

ME = pwd.getpwuid(os.geteuid()).pw_name


def setUpModule():
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.set_option('native.locktimeout', '1')
    box.spool = os.path.join(box.folder, 'spool')
    os.mkdir(box.spool)
    use(box, '%u')
    box.edit('local.rules', 'native.test $U%$D@native-daemon\n')
    box.command('imsimta', 'cnbuild')
    box.start()


def use(box, name):
    line = f'MAIL_DELIVERY_FILENAME={box.spool}/{name}\n'
    box.edit('option.dat', lambda text: re.sub(r'(?m)^MAIL_DELIVERY_FILENAME.*\n', '', text) + line)


class Native(waxwing.TestCase):
    def send(self, text='Text\r\nFrom here on\r\n>From there', user=ME, sender='alice@example.test'):
        log = self.box.log('native_master')
        with self.box.smtp() as client:
            client.sendmail(sender, f'{user}@native.test', f'Subject: {self.id()}\r\n\r\n{text}\r\n')
        return log.wait(r'mta\.\w+ .*native\.test')

    def path(self, name=ME):
        return os.path.join(self.box.spool, name)

    def setUp(self):
        for name in os.listdir(self.box.spool):
            path = self.path(name)
            os.unlink(path) if not os.path.isdir(path) or os.path.islink(path) else None

    def tearDown(self):
        self.box.command('imsimta', 'qm', 'directory', 'native', check=False)
        self.box.command('imsimta', 'qm', 'delete', '-all', '-nolog', check=False)

    def test_messages_follow_each_other_in_an_mbox(self):
        for _ in range(2):
            self.assertRegex(self.send(), r'mta\.delivered .*2\.1\.5')
        self.assertRegex(self.send(sender=''), r'mta\.delivered ')
        with open(self.path(), newline='') as f:
            text = f.read()
        self.assertNotIn('\r', text)
        self.assertTrue(text.startswith('From alice@example.test '))
        self.assertEqual(text.count('\n>From here on\n>>From there\n\n'), 3)
        self.assertIn('\nReturn-Path: <alice@example.test>\n', text)
        self.assertIn('\n\nFrom MAILER-DAEMON ', text)
        box = mailbox.mbox(self.path(), create=False)
        self.addCleanup(box.close)
        self.assertEqual(len(box), 3)
        self.assertEqual(stat.S_IMODE(os.stat(self.path()).st_mode), 0o600)
        self.assertFalse(os.path.exists(self.path() + '.lock'))

    def test_what_another_program_left_without_an_end_is_not_swallowed(self):
        with open(self.path(), 'w') as f:
            f.write('From x Thu Jan  1 00:00:00 1970\n\nno end')
        self.send()
        with open(self.path()) as f:
            self.assertIn('no end\nFrom alice', f.read())

    def test_a_locked_mailbox_waits(self):
        with open(self.path() + '.lock', 'w'):
            pass
        self.assertRegex(self.send(), r'mta\.deferred .*4\.2\.0 the mailbox is locked')
        self.assertFalse(os.path.exists(self.path()))
        os.utime(self.path() + '.lock', (1, 1))
        self.assertRegex(self.send(), r'mta\.delivered ')
        with open(self.path(), 'r+') as f:
            fcntl.lockf(f, fcntl.LOCK_EX)
            before = os.fstat(f.fileno()).st_size
            self.assertRegex(self.send(), r'mta\.deferred .*locked by another program')
            self.assertEqual(os.fstat(f.fileno()).st_size, before)

    def test_what_is_no_mailbox_is_not_written_to(self):
        target = os.path.join(self.box.folder, 'precious')
        with open(target, 'w') as f:
            f.write('precious')
        for make in (os.symlink, os.link):
            with self.subTest(make.__name__):
                make(target, self.path())
                self.assertRegex(self.send(), r'mta\.failed .*5\.2\.0 ')
                os.unlink(self.path())
        os.mkfifo(self.path())
        self.assertRegex(self.send(), r'mta\.failed .*5\.2\.0 ')
        with open(target) as f:
            self.assertEqual(f.read(), 'precious')

    def test_who_has_no_account_has_no_mailbox(self):
        self.assertRegex(self.send(user='no-such-account'), r'mta\.failed .*5\.1\.1 there is no account')
        self.assertRegex(self.send(user='-x'), r'mta\.failed .*5\.1\.1 not the name')
        self.assertEqual([name for name in os.listdir(self.box.spool) if not name.startswith('maildirs')], [])

    def test_a_maildir(self):
        use(self.box, 'maildirs.%u/')
        self.box.command('imsimta', 'cnbuild')
        self.box.command('imsimta', 'reload')
        self.addCleanup(self.box.command, 'imsimta', 'restart', 'job_controller')
        self.addCleanup(self.box.command, 'imsimta', 'cnbuild')
        self.addCleanup(use, self.box, '%u')
        self.box.command('imsimta', 'restart', 'job_controller')
        for _ in range(2):
            self.assertRegex(self.send(), r'mta\.delivered ')
        folder = mailbox.Maildir(self.path('maildirs.' + ME), create=False)
        self.assertEqual(len(folder), 2)
        for message in folder:
            self.assertIn('\nFrom here on\n>From there\n', message.as_string())
        self.assertEqual(os.listdir(os.path.join(self.path('maildirs.' + ME), 'tmp')), [])

    def group(self, name, url):
        """What becomes of a message for a group whose mail goes to a file."""
        self.box.command('commadmin', 'group', 'create', '--name', name, '--delivery', 'file',
                         '--set', f'mailDeliveryFileURL={url}')
        log = self.box.log('native_master')
        with self.box.smtp() as client:
            client.sendmail('alice@example.test', f'{name}@example.test', 'Subject: kept\r\n\r\nText\r\n')
        return log.wait(r'mta\.\w+ .*native-daemon')

    def test_a_group_keeps_its_mail_in_a_file(self):
        files = os.path.join(self.box.root, 'files')
        self.assertRegex(self.group('archive', f'file:///{files.lstrip("/").replace(" ", "%20")}/year/all'),
                         r'mta\.delivered .*2\.1\.5')
        box = mailbox.mbox(os.path.join(files, 'year', 'all'), create=False)
        self.addCleanup(box.close)
        self.assertEqual([message['Subject'] for message in box], ['kept'])
        self.assertRegex(self.group('folder', f'{files}/folder/'), r'mta\.delivered ')
        folder = mailbox.Maildir(os.path.join(files, 'folder'), create=False)
        self.assertEqual([message['Subject'] for message in folder], ['kept'])

    def test_a_file_elsewhere_is_not_written_to(self):
        target = os.path.join(self.box.folder, 'elsewhere')
        self.assertRegex(self.group('outside', target), r'mta\.failed .*5\.2\.0 .*in no folder of native\.filefolders')
        inside = os.path.join(self.box.root, 'files', 'named')
        self.assertRegex(self.send(user=f'"+{inside}"'), r'mta\.failed .*5\.1\.1 not the name of an account')
        self.assertFalse(os.path.exists(target) or os.path.exists(inside))


if __name__ == '__main__':
    waxwing.main()

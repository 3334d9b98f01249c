#!/usr/bin/env python3
"""A real installation, whose services may write nowhere but in the instance."""
import fcntl
import os
import re
import shutil
import subprocess

import installation
import waxwing


def setUpModule():
    box = waxwing.share(installation.Installation())
    path = os.path.join(box.root, 'config/imta.cnf')
    with open(path) as file:
        text = file.read()
    with open(path, 'w') as file:
        file.write(re.sub(r'(?m)^ims-ms ', 'ims-ms defragment ', text, count=1))
    box.command('imsimta', 'cnbuild')
    box.start()


class Records(waxwing.TestCase):
    """What services remember lies in the instance, and a restart finds it again."""

    def path(self, *names):
        return os.path.join(self.box.root, *names)

    def send(self, sender, recipient, text='x\r\n'):
        with self.box.smtp() as client:
            client.sendmail(sender, [recipient], f'From: {sender}\r\nTo: {recipient}\r\nSubject: hello\r\n{text}')

    def tearDown(self):
        for name in os.listdir(self.path('log')):
            with open(self.path('log', name), errors='replace') as file:
                self.assertEqual([line for line in file if 'Permission denied' in line], [], name)

    def test_an_absent_user_answers_once(self):
        self.box.user('away', 'secret', '--delivery', 'mailbox', '--delivery', 'autoreply', '--set', 'mailAutoReplyText=Away.')
        self.box.user('asker', 'secret')
        log = self.box.log('autoreply', from_start=True)
        for count in (1, 2, 3):
            self.send('asker@siroe.test', 'away@siroe.test', '\r\nx\r\n')
            self.box.wait_messages('away', 'secret', count)
        for _ in range(2):
            log.wait('has been told')
        self.box.wait_queue_empty()
        self.assertEqual(self.box.wait_messages('asker', 'secret', 1), 1)

    def test_metermaid_keeps_its_tables(self):
        self.box.restart('metermaid')
        self.assertTrue(os.path.exists(self.path('metermaid/tables')), os.listdir(self.path('metermaid')))

    def test_defragment_notes_what_it_put_together(self):
        self.box.user('whole', 'secret')
        log = self.box.log('defragment', from_start=True)
        for number in (1, 2):
            self.send('ann@far.test', 'whole@siroe.test',
                      f'MIME-Version: 1.0\r\nContent-Type: message/partial; id="a@far.test"; number={number}; total=2\r\n\r\n'
                      + ('Subject: all\r\n\r\n' if number == 1 else '') + f'piece {number}\r\n')
        log.wait(r'defragment\.whole ')
        self.assertTrue(os.path.isdir(self.path('defragment')))
        self.assertEqual(self.box.wait_messages('whole', 'secret', 1), 1)


class Place(waxwing.TestCase):
    def test_commands_of_the_installed_tree_work_on_the_instance(self):
        """Whoever starts them, and wherever they are named: by the tree, by the instance, by --instance."""
        for words in (('start-msg', '--status'), ('start-msg', '--status', '--instance', self.box.prefix)):
            self.assertRegex(self.box.command(*words).stdout, 'imapd +running')
        out = self.box.command('stop-msg', 'metermaid').stdout
        self.assertIn('metermaid', out)
        self.box.command('start-msg', 'metermaid')
        with open(f'/proc/{self.box.pid("imapd")}/cmdline') as file:
            self.assertIn(self.box.root, file.read().split('\0'))

    def test_a_backup_without_run_starts(self):
        self.box.stop()
        shutil.rmtree(os.path.join(self.box.root, 'run'))
        self.assertRegex(self.box.start().stdout, 'imapd +ready')

    def test_what_it_consists_of_is_known_to_configure(self):
        """A folder that some service made must not keep the next configure from its work."""
        self.box.user('known', 'secret')  # so that there is something of everything
        self.box.stop()
        os.rename(os.path.join(self.box.root, 'config'), self.box.root + '.config')
        out = self.box.configure(check=False, **{'UGDIR_URL': 'ldap://nowhere.invalid', 'UGDIR_BINDDN': 'cn=boss', 'UGDIR_BINDPW': 'Ym9zcw==',
                                                 'dssetup.ugsuffix': 'o=isp'})
        self.assertIn('the directory at ldap://nowhere.invalid', out.stderr)  # so far it came, and made nothing
        os.rename(self.box.root + '.config', os.path.join(self.box.root, 'config'))
        self.box.start()

    def start_in_background(self):
        return subprocess.Popen([os.path.join(self.box.prefix, 'bin/start-msg')], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, env=self.box.env)

    def test_a_start_beside_another_waits_for_it(self):
        self.box.stop()
        turn = os.open(self.box.root, os.O_RDONLY)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX)  # as one who starts a watcher has it
            second = self.start_in_background()
            waxwing.wait_until(lambda: second.poll() is not None or self.somebody_else_opened(self.box.root), 'the second start')
            self.assertIsNone(second.poll())
            self.assertEqual(self.box.command('watcher').returncode, 0)
        finally:
            os.close(turn)
        said = second.communicate(timeout=waxwing.DEADLINE * 4)[0]
        self.assertEqual(second.returncode, 0, said)
        self.assertRegex(said, 'imapd +ready')

    def test_two_starts_at_once_both_succeed(self):
        self.box.stop()
        both = [self.start_in_background() for _ in range(2)]
        for one in both:
            said = one.communicate(timeout=waxwing.DEADLINE * 4)[0]
            self.assertEqual(one.returncode, 0, said)
            self.assertNotIn('another watcher', said)
        self.assertEqual({state for state, _ in self.box.status().values()}, {'running'})

    @staticmethod
    def somebody_else_opened(path):
        for entry in filter(str.isdigit, os.listdir('/proc')):
            try:
                names = [os.readlink(f'/proc/{entry}/fd/{fd}') for fd in os.listdir(f'/proc/{entry}/fd')]
            except OSError:
                continue
            if int(entry) != os.getpid() and path in names:
                return True
        return False


if __name__ == '__main__':
    waxwing.main()

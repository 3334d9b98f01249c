#!/usr/bin/env python3
"""A real installation, whose services may write nowhere but in the instance."""
import os
import re

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


if __name__ == '__main__':
    waxwing.main()

#!/usr/bin/env python3
"""Mailboxes in homes that are shut to others: each is written with its user's rights, and nobody gets another's."""
import ctypes
import os
import shutil
import tempfile
import unittest

import waxwing

USERS = {'homely-one': 60001, 'homely-two': 60002}
CLONE_NEWNS, MS_BIND, MS_PRIVATE_REC = 0x20000, 0x1000, 0x44000


def own_accounts(homes):
    """Accounts that only this process and its children see: another /etc/passwd in a mount namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0 or \
            libc.mount(None, b'/', None, MS_PRIVATE_REC, None) != 0:
        raise unittest.SkipTest('only root, with a mount namespace of its own, lends itself to other accounts')
    accounts = os.path.join(homes, 'passwd')
    with open('/etc/passwd') as old, open(accounts, 'w') as f:
        f.write(old.read())
        for name, uid in USERS.items():
            f.write(f'{name}:x:{uid}:{uid}::{homes}/{name}:/bin/false\n')
    os.chmod(accounts, 0o644)
    if libc.mount(accounts.encode(), b'/etc/passwd', None, MS_BIND, None) != 0:
        raise unittest.SkipTest('/etc/passwd cannot be covered here')


def setUpModule():
    homes = tempfile.mkdtemp(prefix='waxwing-homes-')
    os.chmod(homes, 0o755)
    unittest.addModuleCleanup(shutil.rmtree, homes, True)
    own_accounts(homes)
    for name, uid in USERS.items():
        os.mkdir(os.path.join(homes, name), 0o700)
        os.chown(os.path.join(homes, name), uid, uid)
    box = waxwing.share(waxwing.Sandbox())
    box.set_option('imap.enable', '0')
    box.edit('option.dat', 'MAIL_DELIVERY_FILENAME=%h/mbox\n')
    box.edit('local.rules', 'native.test $U%$D@native-daemon\n')
    box.command('imsimta', 'cnbuild')
    box.start()
    box.homes = homes


class Homes(waxwing.TestCase):
    def test_users_get_their_mail_one_after_the_other(self):
        for _ in range(3):
            for name in USERS:
                log = self.box.log('native_master')
                with self.box.smtp() as client:
                    client.sendmail('alice@example.test', f'{name}@native.test', 'Subject: x\r\n\r\ntext\r\n')
                self.assertRegex(log.wait(rf'mta\.\w+ .*{name}@native\.test'), r'mta\.delivered ')
        for name, uid in USERS.items():
            path = os.path.join(self.box.homes, name, 'mbox')
            with open(path) as f:
                self.assertEqual(f.read().count('\ntext\n'), 3)
            self.assertEqual(os.stat(path).st_uid, uid)
            self.assertEqual(os.listdir(os.path.dirname(path)), ['mbox'])


if __name__ == '__main__':
    waxwing.main()

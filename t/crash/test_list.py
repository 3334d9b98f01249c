#!/usr/bin/env python3
"""The disk refuses a look at the mailbox list, or at the mailboxes of which it is made anew: nothing is taken for missing.

An instance whose stored was killed, so that its log knows what its tables lack, is brought up by checker (test_power.py),
and one of the calls by which the list is opened fails: one after the other, each from the same beginning. Whoever
cannot go on says where and why; when the disk is well again every mailbox is there, and nothing was set aside. The same
for a list that is made anew, because it was lost, or damaged.

    t/crash/test_list.py [--long] [--seed N] [--site BEGINNING.CALL.N]
"""
import argparse
import errno
import os
import random
import shutil
import subprocess
import sys
import unittest

import frame
from actor import PASSWORD
from recorder import LOOKS, TREES, Recorder
from test_power import Told, scratch
from test_storm import Storm

OPTIONS = argparse.Namespace(long=bool(os.environ.get('WAXWING_CRASH_LONG')), site=None,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
USERS = ('amy', 'bob', 'cid')
SAMPLE, LONG_SAMPLE = 6, 200  # so many of the calls of one kind at most
# What was done to the list, and which paths the calls are on that fail.
BEGINNINGS = {'killed': 'store/mboxlist', 'lost': 'store/', 'damaged': 'store/mboxlist', 'damaged-then': 'store/partition',
              'indexes': 'store/partition'}


class RefusedLooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = scratch()
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.state, cls.base = os.path.join(cls.folder, 'state'), os.path.join(cls.folder, 'base')
        box = frame.set_up(USERS, PASSWORD)
        try:
            storm = Storm(box, USERS, OPTIONS.seed, 3, most_waiting=30)
            storm.blow(2, every=1e9)
            frame.wait_until(lambda: not box.queue_files(), 'the queue to be empty')
            cls.root = box.root
            os.makedirs(cls.base)
            with frame.held(box):  # what is on the disk now is what a kill of all would leave
                for name in TREES + ('config',):
                    subprocess.run(['cp', '-a', os.path.join(box.root, name), cls.base], check=True)
        finally:
            box.remove()
        os.makedirs(os.path.dirname(cls.root))
        cls.addClassCleanup(shutil.rmtree, os.path.dirname(cls.root))
        os.symlink(cls.state, cls.root)
        cls.recorder = Recorder(cls.folder, cls.root)

    def begin_anew(self, beginning):
        self.beginning = beginning
        shutil.rmtree(self.state, ignore_errors=True)
        subprocess.run(['cp', '-a', self.base, self.state], check=True)
        for name in ('run', 'log'):
            os.makedirs(os.path.join(self.state, name))
        mboxlist = os.path.join(self.state, 'store/mboxlist')
        if beginning == 'lost':
            shutil.rmtree(mboxlist)
        elif beginning == 'indexes':
            for top, _, names in os.walk(os.path.join(self.state, 'store/partition')):
                if 'store.idx' in names:
                    self.spoil(os.path.join(top, 'store.idx'))
        elif beginning != 'killed':
            os.unlink(os.path.join(mboxlist, 'log.0000000001'))

    @staticmethod
    def spoil(path):
        """The header of an index does not fit its checksum; its records are whole."""
        with open(path, 'r+b') as file:
            file.seek(16)
            byte = file.read(1)
            file.seek(16)
            file.write(bytes([byte[0] ^ 1]))

    def look(self, failing=False):
        """What checker tells of the mailboxes, or None, and why it could not."""
        environment = {**os.environ, **(self.recorder.environment(False, self.state) if failing else {})}
        done = subprocess.run([frame.program('checker'), self.root, *USERS], capture_output=True, timeout=120,
                              env=environment)
        self.assertIn(done.returncode, (0, 1), f'checker crashed: {done.stderr.decode()[-1000:]}')
        told = Told(done.stdout)
        whole = done.returncode == 0 and told.ended and not told.trouble
        # Each try draws modseqs of its own; where indexes cannot tell which UIDs were spent, a UIDVALIDITY too.
        first = 1 if self.beginning == 'indexes' else 0
        status = {folder: row[first:4] + row[5:] for folder, row in told.status.items()}
        return (told.folders, status) if whole else None, done.stderr.decode()

    def aside(self):
        return [name for name in os.listdir(os.path.join(self.state, 'store')) if name.startswith('mboxlist.')]

    def counted(self, beginning, path):
        self.begin_anew(beginning)
        self.recorder.count(path)
        wanted, errors = self.look(failing=True)
        self.assertTrue(wanted, errors)
        self.assertGreater(len(wanted[1]), len(USERS), 'hardly a folder is there')
        return wanted, self.recorder.counted()

    def fail_at(self, beginning, path, call, at, wanted):
        """That look is refused; then the disk is well again."""
        self.begin_anew(beginning)
        self.recorder.fail(call, at, errno.EIO, path=path)
        told, errors = self.look(failing=True)
        failed, site = self.recorder.calm()
        where = f'{site} ({errors[-500:]})'
        if told is None and 'checker: ' in errors:
            self.assertRegex(errors, 'Input/output error', f'the reason is not told, {where}')
        if beginning in ('killed', 'indexes'):
            self.assertEqual(self.aside(), [], f'a whole list was set aside, {where}')
        else:
            self.assertFalse(told and os.path.exists(os.path.join(self.state, 'store/mboxlist.rebuild')))
        again, errors = self.look()
        self.assertTrue(again, f'does not come up after {where}: {errors[-1000:]}')
        self.assertEqual(again[1].keys(), wanted[1].keys(), f'mailboxes after {where}')
        self.assertEqual(again, wanted, f'after {where}')
        if beginning == 'killed':
            self.assertEqual(self.aside(), [], f'a whole list was set aside, {where}')
        return failed

    def sites(self, counts):
        dice = random.Random(OPTIONS.seed)
        for call in LOOKS:
            every = range(1, counts[call] + 1)
            for at in sorted(dice.sample(every, min(len(every), LONG_SAMPLE if OPTIONS.long else SAMPLE))):
                yield call, at

    def refuse_each(self, beginning):
        path = BEGINNINGS[beginning]
        wanted, counts = self.counted(beginning, path)
        print(f'  seed {OPTIONS.seed}; {beginning}: calls on {path}: { {call: counts[call] for call in LOOKS} }', flush=True)
        failed = 0
        for call, at in self.sites(counts):
            if OPTIONS.site in (None, f'{beginning}.{call}.{at}'):
                with self.subTest(f'{beginning}.{call}.{at}'):
                    failed += self.fail_at(beginning, path, call, at, wanted)
        self.assertTrue(failed or OPTIONS.site, 'no call has failed')

    def test_a_list_as_a_kill_leaves_it(self):
        self.refuse_each('killed')

    def test_a_list_that_is_lost(self):
        self.refuse_each('lost')

    def test_a_list_that_is_damaged(self):
        self.refuse_each('damaged')

    def test_the_mailboxes_of_a_list_that_is_damaged(self):
        self.refuse_each('damaged-then')

    def test_mailboxes_whose_indexes_are_damaged(self):
        self.refuse_each('indexes')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--long', action='store_true', default=OPTIONS.long)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--site', help='one call only')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('long', 'seed', 'site'):
        setattr(OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)

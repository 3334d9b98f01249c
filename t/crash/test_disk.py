#!/usr/bin/env python3
"""A bad disk: one call after the other fails, in the daemon that makes it, with "no space", with an error, half done.

The answer is one for the time being, nothing is damaged, and everything goes on when the disk does, without an
operator. The calls are counted over all daemons while the mix of test_failpoints runs; in the short form a sample
of them fails, in the long form each in turn.

    t/crash/test_disk.py [--long] [--seed N] [--site CALL.ERRNO.N] [--from CALL.ERRNO.N]
"""
import argparse
import errno
import os
import random
import shutil
import sys
import tempfile
import time
import unittest

import frame
import recorder
import test_failpoints
from actor import PASSWORD

OPTIONS = argparse.Namespace(long=bool(os.environ.get('WAXWING_CRASH_LONG')), site=None, begin=None,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
ERRORS = {'ENOSPC': errno.ENOSPC, 'EIO': errno.EIO, 'EMFILE': errno.EMFILE, 'half': 0}
FITS = {'ENOSPC': recorder.CHANGES, 'EIO': recorder.CHANGES + recorder.LOOKS, 'EMFILE': ('look',), 'half': ('write',)}
SAMPLE = 12  # sites of the short form
MOST = 2000  # the n-th call that is tried at most: the mix makes fewer


class BadDisk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='waxwing-disk-')
        cls.box = frame.set_up(test_failpoints.USERS, PASSWORD, services=('slapd',))
        cls.recorder = recorder.Recorder(cls.folder, cls.box.root)
        cls.box.command('stop-msg')
        frame.start(cls.box, cls.recorder.environment(trace=False))
        cls.mix = test_failpoints.Mix(cls.box, cls.look_now)

    @classmethod
    def tearDownClass(cls):
        cls.box.remove()
        shutil.rmtree(cls.folder, ignore_errors=True)

    @classmethod
    def look_now(cls):
        """What would be done by itself, only later: another try, and a look at the tree."""
        for words in (['queue', '-retry_delivery', 'ims-ms'], ['cache', '-sync']):
            cls.box.command('imsimta', *words, check=False)

    def calls(self):
        """{call: how many of them one round makes}."""
        self.recorder.count()
        self.mix.run()
        self.mix.settled()
        return self.recorder.counted()

    def fail_at(self, call, error, at):
        """One round in which that call fails. Answers where it was, '' when there are not so many."""
        self.recorder.fail(call, at, ERRORS[error])
        try:
            self.mix.run()
            frame.wait_until(lambda: self.recorder.fields()[6], 'the call', deadline=1.5)
        except frame.Late:
            pass
        finally:
            failed, site = self.recorder.calm()
        frame.wait_all_running(self.box)
        self.mix.settled()
        self.mix.tidy()
        return site if failed else ''

    def sites(self, counts):
        every = [(call, error, n) for call, count in counts.items() for error in ERRORS
                 for n in range(1, min(count, MOST) + 1) if call in FITS[error]]
        if OPTIONS.site:
            call, error, n = OPTIONS.site.split('.')
            return [(call, error, int(n))]
        if OPTIONS.begin:
            names = ['.'.join(map(str, site)) for site in every]
            return every[names.index(OPTIONS.begin):]
        return every if OPTIONS.long else self.sample(every)

    def sample(self, every):
        """A few, of as many kinds as there can be: a round reads far more often than it writes."""
        dice = random.Random(OPTIONS.seed)
        calls = dice.sample(list(recorder.CALLS), SAMPLE)
        return sorted(dice.choice([site for site in every if site[0] == call]) for call in calls)

    def test_each_call_fails(self):
        counts = self.calls()
        self.assertEqual([call for call, count in counts.items() if count == 0], [], 'calls that a round does not make')
        self.mix.check_answered(1)
        failed = 0
        sites = self.sites(counts)
        print(f'  seed {OPTIONS.seed}; calls of a round: {counts}; {len(sites)} of them fail', flush=True)
        for call, error, n in sites:
            begun = time.monotonic()
            with self.subTest(f'{call}.{error}.{n}'):
                site = ''
                try:
                    site = self.fail_at(call, error, n)
                    failed += site != ''
                    frame.check_indexes(self.box, self.mix.accounts.values())
                except BaseException as problem:
                    print(f'  {call}.{error}.{n} {self.recorder.calm()[1]}: {problem}', flush=True)
                    raise
                print(f'  {call}.{error}.{n} {site.replace(self.box.root, "")}, {time.monotonic() - begun:.1f} s', flush=True)
        self.assertEqual(frame.crashes(self.box), [])
        self.assertGreaterEqual(failed, len(sites) / 2, 'most of the calls were not made: nothing failed')
        self.mix.check_answered(1 + len(sites) / 2)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--long', action='store_true', default=OPTIONS.long)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--site', help='one call only')
    parser.add_argument('--from', dest='begin', metavar='SITE', help='the long form from this call on')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('long', 'seed', 'site', 'begin'):
        setattr(OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)

#!/usr/bin/env python3
"""Bit rot: damage to any file of queue, store or journal is found and named, and costs no more than that file.

An instance with mail in its mailboxes and in its queue is damaged in one file in a random way, again and again from
the same beginnings: it had been stopped in good order, or killed with its logs full; and, for damage to the journal,
its power was cut, so that the bytes of all files that no checkpoint had passed are nowhere else. checker (test_power.py)
brings it up, as it is and after reconstruct: it never crashes, nobody sees the mail of another, and what stands in
other files is all there. Where it says what an operator must do, that is done, and must help.

    t/crash/test_rot.py --damages 3000 [--seed N] [--damage N] [--kind list]

--damage: one of them, kept for a look; --kind: only files of that part.
"""
import argparse
import filecmp
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import frame
import model
from actor import PASSWORD
from model import INBOX, Wrong
from recorder import TREES
from test_power import Told, scratch
from test_storm import Storm

OPTIONS = argparse.Namespace(damages=40, damage=None, kind=None,
                             seed=int(os.environ.get('WAXWING_SEED', random.randrange(1 << 30))))
USERS = ('amy', 'bob', 'cid')
MOST_WRONG = 20


def kind_of(path):
    """Which part of the instance a file belongs to."""
    name = os.path.basename(path)
    if path.startswith('queue/'):
        return 'queue'
    if path.startswith('journal/'):
        return 'journal'
    if path.startswith('store/mboxlist'):
        return 'list'
    if name.endswith('.msg'):
        return 'message'
    return 'index' if name == 'store.idx' else 'cache' if re.fullmatch(r'store\.c\d+', name) else 'other ' + name


def used_size(path):
    """Without the zeros at its end: logs are laid out far longer than what they hold."""
    with open(path, 'rb') as file:
        return len(file.read().rstrip(b'\0'))


def damage(path, dice):
    """In words what was done."""
    whole = os.path.getsize(path)
    size = used_size(path) if dice.random() < 0.8 else whole
    how = dice.choice(('flip', 'flip', 'flip', 'zero', 'cut', 'longer', 'noise', 'remove', 'empty'))
    if how == 'remove':
        os.unlink(path)
        return how
    with open(path, 'r+b') as file:
        if how == 'cut':
            file.truncate(dice.randrange(size) if size else 0)
        elif how == 'empty':
            file.truncate(0)
        elif how == 'longer':
            file.seek(0, 2)
            file.write(dice.randbytes(dice.choice((1, 128, 4096))))
        elif how == 'noise':
            file.write(dice.randbytes(size))
        elif how == 'zero':
            file.seek(dice.randrange(size + 1) // 512 * 512)
            file.write(bytes(dice.choice((512, 4096))))
            file.truncate(max(whole, 1))
        else:
            for _ in range(dice.choice((1, 1, 4, 16))):
                at = dice.randrange(size) if size else 0
                file.seek(at)
                old = file.read(1) or b'\0'
                file.seek(at)
                file.write(bytes([old[0] ^ 1 << dice.randrange(8)]))
    return how


class Rot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = scratch()
        cls.state, cls.files = os.path.join(cls.folder, 'state'), {}
        box = frame.set_up(USERS, PASSWORD)
        try:
            storm = Storm(box, USERS, OPTIONS.seed, 3, most_waiting=30)
            storm.blow(3, every=1e9)
            frame.wait_until(lambda: not box.queue_files(), 'the queue to be empty')
            for actor in storm.actors:
                actor.look(everything=True)
            box.command('imsimta', 'queue', 'stop', 'ims-ms')
            for users in (['amy'], ['amy', 'bob'], ['bob', 'cid'], ['cid'], ['amy', 'bob', 'cid']):
                frame.wait_until(lambda: storm.senders[0].send(users), 'a message to be accepted')
            cls.root = box.root
            with frame.held(box):  # what is on the disk now is what a kill of all would leave
                cls.keep('killed')
            cls.log = cls.records_in(os.path.join(cls.folder, 'killed'))
            cls.tags = cls.tags_in(cls.log)
            if not any(cls.tags.values()):
                raise AssertionError('no mail was found in the log')
            cls.lose_bytes()
            box.command('stop-msg')
            cls.keep('stopped')
        finally:
            box.remove()
        os.makedirs(os.path.dirname(cls.root))
        os.symlink(cls.state, cls.root)
        cls.accounts = {a.user: a.account for a in storm.actors}
        cls.damaged = 0
        cls.check_beginnings()

    @classmethod
    def check_beginnings(cls):
        """There is something to damage, and something to miss."""
        for beginning, files in cls.files.items():
            wanted = {'journal'} if beginning == 'cut' else {'queue', 'journal', 'list', 'message', 'index', 'cache'}
            lacking = wanted - {kind_of(path) for path in files}
            assert not lacking, f'{beginning}: no files of {lacking}'
        for user, account in cls.accounts.items():
            assert any(account.state.values()) and account.must, f'{user} has no messages in mailboxes or none in the queue'

    @classmethod
    def keep(cls, beginning):
        """The instance as it is now."""
        base = os.path.join(cls.folder, beginning)
        os.makedirs(base)
        for name in TREES + ('config',):
            if os.path.exists(os.path.join(cls.root, name)):
                subprocess.run(['cp', '-a', os.path.join(cls.root, name), os.path.join(base, name)], check=True)
        cls.files[beginning] = sorted(os.path.relpath(os.path.join(top, name), base) for tree in TREES
                                      for top, _, names in os.walk(os.path.join(base, tree)) for name in names)

    # ---- the log, as it can be read ----
    @staticmethod
    def records_in(root):
        """{place: [type, path, path or '', X-Tag or '']}"""
        done = subprocess.run([os.path.join(frame.waxwing.STAGE, 'bin', 'imsimta'), '--instance', root, 'journal',
                               '-content'], capture_output=True, timeout=60)
        records, last = {}, None
        for line in done.stdout.decode('utf-8', 'replace').splitlines():
            found = re.match(r' *(\d+) (content|linked|renamed|removed|range|aged|stands) +(\S+)(?: -> (\S+))?', line)
            if found:
                last = records[int(found.group(1))] = [found.group(2), found.group(3), found.group(4) or '', '']
            elif line.startswith('    ') and last and last[0] == 'content':
                tag = re.search(r'X-Tag: (.+?)(?:\\r|\\x0d|\\015)', line)
                last[3] = tag.group(1) if tag else ''
        return records

    @staticmethod
    def tags_in(log):
        """{name of a file: the mail in it, if the log has its bytes}"""
        tags = {}
        for _, (what, path, to, tag) in sorted(log.items()):
            if what == 'content':
                tags[path] = tag
            elif to and path in tags:
                tags[to] = tags[path]
        return tags

    @classmethod
    def lose_bytes(cls):
        """What a power cut may leave of it: names, and none of the bytes that the log has."""
        cut = os.path.join(cls.folder, 'cut')
        subprocess.run(['cp', '-a', os.path.join(cls.folder, 'killed'), cut], check=True)
        for name in cls.tags:
            if name.endswith(('.msg', '.00')) and os.path.exists(os.path.join(cut, name)):
                os.truncate(os.path.join(cut, name), 0)
        cls.files['cut'] = [path for path in cls.files['killed'] if path.startswith('journal/segment')]

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(os.path.dirname(cls.root), ignore_errors=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    def begin_anew(self, beginning):
        shutil.rmtree(self.state, ignore_errors=True)
        subprocess.run(['cp', '-a', os.path.join(self.folder, beginning), self.state], check=True)
        for name in ('run', 'log'):
            os.makedirs(os.path.join(self.state, name))

    @staticmethod
    def tag_in(path):
        with open(path, 'rb') as file:
            found = re.search(rb'^X-Tag: (\S+)\r$', file.read(), re.M)
        return found.group(1).decode() if found else None

    def look(self, boot, *options):
        done = subprocess.run([frame.program('checker'), *options, self.root, *USERS], capture_output=True, timeout=60,
                              env=dict(os.environ, **({'WAXWING_TEST_BOOT_ID': boot} if boot else {})))
        if done.returncode < 0 or done.returncode > 1:
            raise Wrong(f'checker crashed: {done.returncode} {done.stderr.decode()[-1000:]}')
        if done.returncode == 1:
            raise Wrong(f'does not come up: {done.stderr.decode()[-1000:]}')
        return Told(done.stdout)

    def look_and_obey(self, boot):
        """A directory whose mark is gone is not used until somebody writes the line that the message tells."""
        try:
            told = self.look(boot)
            text = '\n'.join(told.trouble)
        except Wrong as problem:
            told, text = None, str(problem)
            if 'write the line' not in text:
                raise
        lines = set(re.findall(r"write the line '(.+?)' into (.+?);", text))
        for line, path in lines:
            with open(path, 'w') as file:
                file.write(line + '\n')
        return self.look(boot) if lines else told

    def lost_with_records(self, path):
        """The mail whose bytes or names stood in damaged records of the log, and that whose removal did."""
        if not path.startswith('journal/segment'):
            return set(), set()
        left = self.records_in(self.root)
        lost = [record for place, record in self.log.items() if place not in left]
        names = {name for what, path, to, _ in lost if what != 'removed' for name in (path, to)}
        removed = {path for what, path, _, _ in lost if what == 'removed'}
        return ({self.tags[name] for name in names if name in self.tags},
                {self.tags[name] for name in removed if name in self.tags})

    def compare(self, told, kind, spared, back, mended):
        """Whoever is not touched has everything; who is, all but the damaged mail (spared), and perhaps again what was
        removed (back)."""
        for user, account in self.accounts.items():
            found, unreadable = {INBOX: {}}, {}
            for folder, rows in told.folders.get(user, {}).items():
                here = found[folder] = {}
                for uid, flags, size, cached, state, raw in rows:
                    owner = re.search(rb'^X-User: (\S+)\r$', raw, re.M)
                    owners = set(owner.group(1).decode('latin-1').split(',')) if owner else {user}
                    if user not in owners and owners <= set(USERS):
                        raise Wrong(f'{user} sees mail of {owner.group(1)}')
                    try:
                        name = model.identify(raw, user) if state == 'whole' else None
                    except Wrong:
                        name = None
                    # A record that rots while the system runs gives no body, until the index is mended.
                    if name is None and (mended or kind not in ('message', 'queue', 'index', 'cut')
                                         or kind == 'index' and state == 'whole'):
                        raise Wrong(f'{user}: UID {uid} of {folder} is damaged ({state}), {len(raw)} bytes')
                    # A copy that was expunged comes back beside the other with an index that is lost, see below.
                    if name in here and name and kind != 'index':
                        raise Wrong(f'{user}: {name} is in {folder} twice')
                    here[name] = frozenset(flags.split(',')) - {'-'}
                    unreadable[folder] = unreadable.get(folder, 0) + (name is None)
                here.pop(None, None)
            self.compare_user(account, found, unreadable, kind, spared, back, mended, told)

    def compare_user(self, account, found, unreadable, kind, spared, back, mended, told):
        unusable = [line for line in told.trouble if line.startswith(f'unusable {account.user} ')]
        if unusable and not mended and kind in ('index', 'other'):
            return  # said so: reconstruct is needed
        wanted = {folder: dict(messages) for folder, messages in account.state.items()}
        wanted[INBOX].update({mail: frozenset() for mail in account.must})
        for folder in set(wanted) | set(found):
            if folder not in found:
                raise Wrong(f'{account.user}: folder {folder} is gone; {told.trouble}')
            if folder not in wanted:
                raise Wrong(f'{account.user}: folder {folder} was never there')
            missing = set(wanted[folder]) - set(found[folder]) - spared
            # Records that rotted: each is there, and says that it cannot be read.
            if not mended and kind == 'index' and len(missing) <= unreadable.get(folder, 0):
                missing = set()
            more = set(found[folder]) - set(wanted[folder])
            # What an index no longer tells as expunged comes back, and mail whose removal from the queue stood in a
            # damaged record of the journal is delivered again: better than the other way round.
            if missing or (kind != 'index' and more - (back & account.known)):
                raise Wrong(f'{account.user}: in {folder} missing {sorted(missing)}, too much {sorted(more)}; {told.trouble}')
            if kind not in ('index', 'message') and any(found[folder].get(m, f) != f for m, f in wanted[folder].items()):
                raise Wrong(f'{account.user}: flags are lost in {folder}')

    def is_as_before(self, path, beginning):
        now, before = os.path.join(self.state, path), os.path.join(self.folder, beginning, path)
        return os.path.exists(now) and filecmp.cmp(now, before, shallow=False)

    def one(self, number):
        """What is wrong, in words; None when nothing is."""
        dice = random.Random(f'{OPTIONS.seed} {number}')
        beginning = dice.choice(sorted(self.files))
        files = self.files[beginning]
        kind = OPTIONS.kind or dice.choice(sorted({kind_of(path) for path in files}))
        if kind not in {kind_of(path) for path in files}:
            beginning = 'killed'
            files = self.files[beginning]
        path = dice.choice([p for p in files if kind_of(p) == kind])
        self.begin_anew(beginning)
        spared, back = {self.tag_in(os.path.join(self.state, path))} if kind in ('message', 'queue') else set(), set()
        done = damage(os.path.join(self.state, path), dice)
        self.damaged += not self.is_as_before(path, beginning)
        boot = '%032x' % (number + 1) if beginning == 'cut' else dice.choice(('', '%032x' % (number + 1)))
        if kind == 'journal' and beginning != 'stopped':
            spared, back = self.lost_with_records(path)
        if beginning == 'killed' and kind == 'journal':
            spared = set()  # the files have everything
        kind = 'cut' if beginning == 'cut' else kind.split()[0]
        try:
            self.compare(self.look_and_obey(boot), kind, spared, back, mended=False)
            self.compare(self.look(boot, '--mend'), kind, spared, back, mended=True)
        except (Wrong, subprocess.TimeoutExpired) as problem:
            text = f'damage {number}: {done} {path}, {beginning}{", new boot" if boot else ""}: {problem}'
            print('  ' + text, flush=True)
            return text

    def test_damage_stays_where_it_is(self):
        wrong = []
        number = 0
        if OPTIONS.damage is not None:
            wrong = [problem for problem in (self.one(OPTIONS.damage),) if problem]
            print(shutil.copytree(self.state, tempfile.mkdtemp(prefix='waxwing-rot-'), dirs_exist_ok=True,
                                  ignore=shutil.ignore_patterns('run')))
        else:
            for number in range(OPTIONS.damages):
                problem = self.one(number)
                wrong += [problem] if problem else []
                if len(wrong) >= MOST_WRONG:
                    break
            print(f'  seed {OPTIONS.seed}: {number + 1} damages to {len(self.files["killed"])} files, {self.damaged} of which '
                  f'changed something, {len(wrong)} wrong', flush=True)
            self.assertGreater(self.damaged, (number + 1) / 2, 'nothing was damaged')
        self.assertEqual(wrong, [], f'seed {OPTIONS.seed}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--damages', type=int, default=OPTIONS.damages)
    parser.add_argument('--seed', type=int, default=OPTIONS.seed)
    parser.add_argument('--damage', type=int)
    parser.add_argument('--kind')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('damages', 'seed', 'damage', 'kind'):
        setattr(OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)

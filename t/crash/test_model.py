#!/usr/bin/env python3
"""The model of t/crash itself: what it takes for the truth, and when."""
import unittest

import actor
import frame
import model
from model import INBOX, Account, Append, Create, Flags, Found, Move, Seen, Wrong


def state(**folders):
    return {INBOX: {}, **{name: {tag: frozenset() for tag in tags} for name, tags in folders.items()}}


class At(unittest.TestCase):
    """An account at a moment of its log."""

    def test_what_was_answered_is_there_and_what_is_outstanding_may_be(self):
        log = [[Create('a'), 1, 2], [Append('a', 'x', ()), 3, 4], [Append('a', 'y', ()), 5, None]]
        self.assertEqual(Account.at('amy', log, 2).state, state(a=''))
        self.assertIsNone(Account.at('amy', log, 3).pending)
        account = Account.at('amy', log, 9)
        self.assertEqual(account.state, state(a='x'))
        account.settle(state(a='xy'))
        Account.at('amy', log, 9).settle(state(a='x'))
        with self.assertRaises(Wrong):
            Account.at('amy', log, 9).settle(state(a='y'))

    def test_an_operation_without_an_answer_that_was_done_stays_done(self):
        log = [[Create('a'), 1, 2], [Append('a', 'x', ()), 3, 'unknown'], [Found(state(a='x')), 6, 6],
               [Flags('a', ['x'], '+', ['\\Seen']), 7, 8]]
        for moment, found in ((5, ('', 'x')), (6, ('x',)), (7, ('x',))):
            for tags in ('', 'x', 'y'):
                with self.subTest(moment=moment, tags=tags):
                    account = Account.at('amy', log, moment)
                    if tags in found:
                        account.settle(state(a=tags))
                    else:
                        self.assertRaises(Wrong, account.settle, state(a=tags))
        seen = {INBOX: {}, 'a': {'x': frozenset({'\\Seen'})}}
        Account.at('amy', log, 8).settle(seen)
        self.assertRaises(Wrong, Account.at('amy', log, 8).settle, state(a='x'))

    def test_one_that_was_not_done_is_not_taken_for_outstanding_later(self):
        log = [[Create('a'), 1, 2], [Append('a', 'x', ()), 3, 'unknown'], [Found(state(a='')), 6, 6]]
        Account.at('amy', log, 5).settle(state(a='x'))
        self.assertRaises(Wrong, Account.at('amy', log, 6).settle, state(a='x'))

    def test_one_that_was_half_done_is_what_was_found(self):
        log = [[Found(state(a='xy', b='')), 1, 1], [Move('a', ['x', 'y'], 'b'), 2, 'unknown'], [Found(state(a='y', b='xy')), 5, 5]]
        Account.at('amy', log, 4).settle(state(a='x', b='xy'))
        Account.at('amy', log, 5).settle(state(a='y', b='xy'))
        self.assertRaises(Wrong, Account.at('amy', log, 5).settle, state(a='x', b='xy'))

    def test_what_came_in_meanwhile_is_known(self):
        found = {INBOX: {'m': frozenset()}, 'a': {}}
        log = [[Create('a'), 1, 'unknown'], [Found(found), 4, 4], [Seen(['m']), 4, 4]]
        account = Account.at('amy', log, 4)
        self.assertEqual((account.state, account.known), (found, {'m'}))


class LostAnswer(unittest.TestCase):
    """What an actor writes into its log, with a server that does as it is told and says nothing."""

    def test_an_effect_without_an_answer_is_in_the_log(self):
        account = actor.LockedAccount('amy')
        someone = actor.Actor(None, account, 'seed', note=iter(range(1, 100)).__next__)
        someone.fetch_all = lambda: ({INBOX: {}, 'a': {}}, 0)

        def lost():
            raise OSError('the connection is gone')
        self.assertFalse(someone.perform(Create('a'), lost))
        someone.look(quiet=False)
        self.assertEqual(account.state, state(a=''))
        self.assertTrue(someone.perform(Append('a', 'x', ()), lambda: ('OK', [])))
        moment = someone.log[-1][2]
        self.assertEqual(Account.at('amy', someone.log, moment).state, account.state)


class Index(unittest.TestCase):
    """What is found wrong in what imcheck prints."""

    DUMP = ('messages: 2\nunseen: 1\ndeleted: 1\nbytes: 300\nuidnext: 5\n'
            'slot 0 uid 1 modseq 2 size 100 date d e t flags seen,deleted keywords - cache 0\n'
            'slot 1 uid 2 modseq 3 size 200 date d e t flags - keywords 1 cache 9\n'
            'slot 2 uid 3 modseq 4 size 400 date d e t flags seen,EXPUNGED keywords - cache 9\n'
            'slot 3 uid 4 modseq 0 size 800 date d e t flags RESERVED keywords - cache 9\n')

    def test_what_is_right_is_right(self):
        self.assertEqual(frame.wrong_in_index(self.DUMP), [])

    def test_a_record_and_a_counter_that_are_not_are_told(self):
        for old, new in (('cache 0\n', 'cache 0 DAMAGED\n'), ('keywords 1 cache 9\n', 'keywords 1 cache 9 NO FILE\n'),
                         ('messages: 2', 'messages: 3'), ('unseen: 1', 'unseen: 0'), ('deleted: 1', 'deleted: 0'),
                         ('bytes: 300', 'bytes: 700'), ('messages: 2\n', ''), ('flags -', 'flags VOID')):
            self.assertIn(old, self.DUMP)
            self.assertEqual(len(frame.wrong_in_index(self.DUMP.replace(old, new))), 1, new)


class Quota(unittest.TestCase):
    """The use of a quota that is told is compared, and must be told."""

    def test_a_missing_or_wrong_number_is_wrong(self):
        answer = lambda text: lambda *_: ('OK', [[b'INBOX ""'], [text]])
        someone = actor.Actor(None, Account('amy'), 'seed')
        found = {INBOX: {'x': frozenset(), 'y': frozenset()}}
        someone.client = type('Client', (), {})()
        for told, right in ((b'"" (STORAGE 3 4096 MESSAGE 2 10)', True), (b'"" (STORAGE 3 4096 MESSAGE 3 10)', False),
                            (b'"" (STORAGE 4 4096 MESSAGE 2 10)', False)):
            someone.client.getquotaroot = answer(told)
            self.assertEqual(not someone.wrong_quota(found, 2500), right)
        for missing in (b'"" (MESSAGE 2 10)', b'"" ()'):
            someone.client.getquotaroot = answer(missing)
            with self.assertRaises(Wrong):
                someone.wrong_quota(found, 2500)


if __name__ == '__main__':
    unittest.main(verbosity=2)

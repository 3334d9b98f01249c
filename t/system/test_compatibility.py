#!/usr/bin/env python3
"""compatibility(7), the list it is made from, and the code say the same of every name."""
import os
import re
import sys
import unittest

import waxwing

sys.path.insert(0, os.path.join(waxwing.TOP, 'etc', 'make'))
import compatibility  # noqa: E402

SECTIONS = compatibility.read_list()
RENEW = 'run etc/make/compatibility.py, and look at what it changes'
ROOMS = ('common', 'mta', 'store', 'dispatcher', 'job_controller', 'smtpd', 'lmtpd', 'channels', 'tools', 'watcher', 'metermaid', 'imapd', 'popd')


class Compatibility(unittest.TestCase):
    def sections(self):
        for section in SECTIONS:
            with self.subTest(section=section.title):
                yield section, compatibility.READERS[section.key]()

    def test_every_name_stands_once_in_its_section(self):
        self.assertEqual({s.key for s in SECTIONS}, set(compatibility.READERS))
        for section in SECTIONS:
            names = [name for name, _, _ in section.rows]
            self.assertEqual([n for n in names if names.count(n) > 1], [], section.title)

    def test_readers_still_read_the_code(self):
        for section, code in self.sections():
            if section.key != 'none':
                self.assertGreaterEqual(len(code), 2, 'the reader finds nothing: the code has changed its form')

    def test_what_the_code_has_is_listed(self):
        for section, code in self.sections():
            listed = {name for name, _, _ in section.rows}
            self.assertEqual([name for name in code if name not in listed], [], f'not in {compatibility.LIST}: {RENEW}')

    def test_what_is_listed_is_known_to_the_code_or_says_what_it_is(self):
        for section, code in self.sections():
            for name, state, _ in section.rows:
                with self.subTest(name):
                    if state is None:
                        self.assertTrue(name in code, 'the code does not have it: say in the list what it is')
                    else:
                        self.assertFalse(name in code, f'the code has it now: {RENEW}')

    def test_a_state_of_the_list_alone_is_true(self):
        for section, _ in self.sections():
            for name, state, note in section.rows:
                with self.subTest(name):
                    if state == compatibility.HERE:
                        path, _, words = note.partition(': ')
                        self.assertIn(words, compatibility.text_of(path))

    def test_options_of_tcp_channels_are_read_by_somebody(self):
        """MTA options and keywords: test_tables.py."""
        members = re.findall(r'\{"(\w+)", &TcpOptions::(\w+)', compatibility.text_of('mta/transport/tcp_options.cc'))
        self.assertGreater(len(members), 20)
        code = compatibility.text_of(*(path for room in ROOMS for path in compatibility.sources(room) if 'tcp_options' not in path))
        for name, member in members:
            with self.subTest(name):
                self.assertTrue(re.search(rf'(?:\.|->){member}\b', code), 'nobody asks for it')

    def test_what_no_reader_watches_is_not_there_unseen(self):
        """Quoted in the code is what a parser would compare with."""
        quoted = set()
        for room in ROOMS:
            for path in compatibility.sources(room):
                quoted.update(re.findall(r'"([\w-]+)"', compatibility.text_of(path)))
        watched = {name for section in SECTIONS if section.key != 'none' for name, _, _ in section.rows}
        for section in SECTIONS:
            for name, state, _ in section.rows if section.key == 'none' else ():
                if state in (compatibility.NOT_YET, compatibility.REFUSED) and len(name) > 7 and name not in watched:
                    with self.subTest(name):
                        self.assertFalse(name in quoted, 'a program asks for it: say so in the list')

    def test_the_page_is_that_of_the_list(self):
        with open(os.path.join(waxwing.TOP, 'man', 'compatibility.7')) as f:
            page = f.read().split('.\\" BEGIN TABLE\n')[1].split('.\\" END TABLE')[0]
        self.assertEqual(page.splitlines(), compatibility.page(), RENEW)


if __name__ == '__main__':
    waxwing.main()

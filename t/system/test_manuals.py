"""Every manual page renders without a warning, and every command and configuration file has one."""
import glob
import os
import re
import subprocess
import unittest

import waxwing

MAN = os.path.join(waxwing.STAGE, 'man')


def pages():
    return sorted(glob.glob(os.path.join(MAN, 'man[1-8]', '*.[1-8]')))


class Manuals(unittest.TestCase):
    def test_mandoc_has_nothing_to_say(self):
        for page in pages():
            with self.subTest(os.path.basename(page)):
                lint = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', page], capture_output=True, text=True)
                self.assertEqual(lint.stdout + lint.stderr, '')

    def test_man_renders_without_warnings(self):
        env = dict(os.environ, MANWIDTH='80', LC_ALL='C.UTF-8')
        for page in pages():
            with self.subTest(os.path.basename(page)):
                shown = subprocess.run(['man', '--warnings', '-l', page], capture_output=True, text=True, env=env)
                self.assertEqual((shown.returncode, shown.stderr), (0, ''))
                self.assertIn('NAME', shown.stdout)

    def test_every_program_has_a_page(self):
        have = {os.path.basename(p).rsplit('.', 1)[0] for p in pages()}
        programs = set(os.listdir(os.path.join(waxwing.STAGE, 'bin')))
        self.assertEqual(sorted(programs - have), [])

    def test_every_program_tells_what_it_is(self):
        for name in sorted(os.listdir(os.path.join(waxwing.STAGE, 'bin'))):
            with self.subTest(name):
                out = subprocess.run([os.path.join(waxwing.STAGE, 'bin', name), '--help'], capture_output=True, text=True,
                                     stdin=subprocess.DEVNULL, timeout=waxwing.DEADLINE)
                self.assertEqual((out.returncode, out.stderr), (0, ''))
                self.assertRegex(out.stdout, rf'^usage: {re.escape(name)} ')

    def test_every_configuration_file_has_a_page(self):
        have = {os.path.basename(p).rsplit('.', 1)[0] for p in pages()}
        templates = {n for n in os.listdir(os.path.join(waxwing.STAGE, 'etc/config'))
                     if os.path.isfile(os.path.join(waxwing.STAGE, 'etc/config', n))}
        # local.rules is a part of imta.cnf, whose page tells of it.
        self.assertEqual(sorted(templates - have - {'local.rules'}), [])

    def test_what_a_page_refers_to_exists(self):
        have = {tuple(os.path.basename(p).rsplit('.', 1)) for p in pages()}
        own = {name for name, _ in have}
        for page in pages():
            with open(page) as f:
                for line in f:
                    words = line.split()
                    if words[:1] == ['.Xr'] and len(words) >= 3 and words[1] in own:
                        with self.subTest(f'{os.path.basename(page)}: {words[1]}({words[2]})'):
                            self.assertTrue((words[1], words[2]) in have, 'there is no such page')


if __name__ == '__main__':
    waxwing.main()

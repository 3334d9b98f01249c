#!/usr/bin/env python3
"""Every channel keyword and every option of option.dat has an effect, or says that it has none yet: the whole tables."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import waxwing

ROOMS = 'common mta store dispatcher metermaid job_controller smtpd lmtpd channels imapd popd watcher tools'.split()
# In force by their name alone: what they say is what happens anyway, and the table marks them as usual or these here.
SAME_AS_USUAL = {
    'disableetrn': 'ETRN is never offered',
}


def rows(name, pattern):
    with open(os.path.join(waxwing.TOP, 'mta', 'config', name)) as f:
        return re.findall(pattern, f.read(), re.M)


KEYWORDS = rows('keywords.inc', r'^KEYWORD\((\w+), "([^"]*)", "([^"]*)", (\w+), (\w+), (\w+),')
OPTIONS = rows('mta_options.inc', r'^MTA_OPTION\((\w+), (\w+), "(?:[^"\\]|\\.)*", (\w+), "([^"]*)"')
ARGUMENT = {'none': '', 'word': ' tcp_local', 'number': ' 3', 'one_or_two': ' a.test', 'words': ' one', 'numbers': ' 1 2',
            'durations': ' "PT1H"'}


def sources(without=()):
    """All that runs, but for the files named."""
    text = []
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(waxwing.TOP, room)):
            for name in names:
                if name.endswith(('.cc', '.h')) and name not in without:
                    with open(os.path.join(folder, name)) as f:
                        text.append(f.read())
    return '\n'.join(text)


class Tables(unittest.TestCase):
    def test_the_tables_are_there(self):
        self.assertGreater(len(KEYWORDS), 350)
        self.assertGreater(len(OPTIONS), 100)

    def test_what_is_called_implemented_is_used_and_what_is_not_is_not(self):
        # The two files look at keywords for what they mean together, or whether the channel they name is there.
        used = {'Kw': set(re.findall(r'\bKw::(\w+)', sources(('keywords.cc', 'mta_config_builder.cc')))),
                'Opt': set(re.findall(r'\bOpt::(\w+)', sources()))}
        for name, keyword, _, _, state, usual in KEYWORDS:
            with self.subTest(keyword=keyword):
                if state in ('not_yet', 'filters', 'refused'):
                    self.assertNotIn(name, used['Kw'], 'it has an effect: say so in the table')
                elif state == 'implemented' and usual == 'off' and keyword not in SAME_AS_USUAL and not self.is_shorthand(name):
                    self.assertIn(name, used['Kw'], 'nobody asks for it: it has no effect')
        for name, _, implemented, help_text in OPTIONS:
            with self.subTest(option=name):
                if implemented == 'true':
                    self.assertIn(name, used['Opt'], 'nobody asks for it: it has no effect')
                else:
                    self.assertNotIn(name, used['Opt'], 'it has an effect: say so in the table')

    def test_the_pages_are_what_the_tables_make_of_them(self):
        out = subprocess.run([os.path.join(waxwing.TOP, 'etc', 'make', 'keyword-pages'), '--check'], capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stderr)

    def test_what_is_written_into_a_page_by_hand_is_not_lost(self):
        tree = tempfile.mkdtemp(prefix='waxwing-pages-')
        self.addCleanup(shutil.rmtree, tree)
        make, page = os.path.join('etc', 'make', 'keyword-pages'), os.path.join('man', 'option.dat.5')
        for name in (make, page, os.path.join('man', 'imta.cnf.5'), os.path.join('mta', 'config', 'keywords.inc'),
                     os.path.join('mta', 'config', 'mta_options.inc')):
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(os.path.join(waxwing.TOP, name), os.path.join(tree, name))
        git = ['git', '-C', tree, '-c', 'user.name=t', '-c', 'user.email=t@t']
        for words in (['init', '-q'], ['add', '.'], ['commit', '-qm', 'x']):
            subprocess.run(git + words, check=True)

        def edit(name, old, new):
            with open(os.path.join(tree, name)) as f:
                text = f.read()
            self.assertEqual(text.count(old), 1, old)
            with open(os.path.join(tree, name), 'w') as f:
                f.write(text.replace(old, new))
            return text

        def run(*words):
            out = subprocess.run([os.path.join(tree, make), *words], capture_output=True, text=True)
            return out.returncode, out.stderr
        self.assertEqual(run(), (0, ''))
        edit(os.path.join('mta', 'config', 'mta_options.inc'), 'error texts tell which access table refused', 'error texts name the table')
        self.assertEqual(run('--check')[0], 1)
        self.assertEqual((run(), run('--check')), ((0, ''), (0, '')))
        edit(page, 'error texts name the table.\n', 'error texts name the table.\nBy hand.\n')
        code, text = run()
        self.assertEqual((code, text.count('\n  By hand.')), (1, 1))
        self.assertEqual((run('--drop'), run('--check')), ((0, ''), (0, '')))

    def is_shorthand(self, name):
        """maytls = maytlsclient maytlsserver and the like: the table of keywords.cc puts others in their place."""
        with open(os.path.join(waxwing.TOP, 'mta', 'config', 'keywords.cc')) as f:
            return f'Kw::{name}' in f.read()


class NotYet(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        waxwing.share(waxwing.Sandbox()).start('slapd')

    def write(self, name, text, mode='w'):
        path = os.path.join(self.box.root, 'config', name)
        with open(path) as f:
            before = f.read()
        def restore():
            with open(path, 'w') as f:
                f.write(before)
        self.addCleanup(restore)
        with open(path, mode) as f:
            f.write(text)

    def test_each_keyword_without_effect_is_listed(self):
        """Groups exclude each other: each keyword stands in a channel of its own."""
        missing = [(keyword, args) for _, keyword, _, args, state, _ in KEYWORDS if state in ('not_yet', 'filters')]
        blocks = ''.join(f'\ntcp_k{n} smtp {keyword}{ARGUMENT[args]}\nk{n}-daemon\n' for n, (keyword, args) in enumerate(missing))
        self.write('imta.cnf', blocks, 'a')
        out = self.box.command('imsimta', 'cnbuild', '-check').stdout
        for keyword, _ in missing:
            self.assertRegex(out, rf'warning: .*\b{re.escape(keyword)}\b', keyword)
        self.write('local.rules', 'k0.test $U%$D@k0-daemon\n', 'a')
        shown = self.box.command('imsimta', 'test', '-rewrite', '-edited', '-channel=tcp_local', 'x@k0.test', check=False).stdout
        self.assertIn(missing[0][0], shown)

    def test_each_option_without_effect_is_listed(self):
        missing = [(name, kind) for name, kind, state, _ in OPTIONS if state in ('false', 'filters')]
        self.write('option.dat', ''.join(f'{name}={"7" if kind == "number" else "x"}\n' for name, kind in missing))
        out = self.box.command('imsimta', 'cnbuild', '-check').stdout
        for name, _ in missing:
            self.assertRegex(out, rf'warning: .*\b{name}\b', name)


if __name__ == '__main__':
    waxwing.main()

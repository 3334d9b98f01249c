"""msconfig and configutil."""
import os
import re
import shutil
import stat

import waxwing


def setUpModule():
    waxwing.start_shared('slapd')


class Options(waxwing.TestCase):
    def msconfig(self, *words, **more):
        return self.box.command('msconfig', *words, **more)

    def test_set_show_diff_revert(self):
        path = os.path.join(self.box.root, 'config/msg.conf')
        with open(path) as f:
            before = f.read()
        out = self.msconfig('set', 'log.level', 'notice')
        self.assertIn('imsimta reload', out.stdout)
        self.assertEqual(self.msconfig('show', 'log.level').stdout, 'log.level = notice\n')
        self.msconfig('set', 'service.imap.port', '2143')
        self.assertEqual(self.msconfig('diff').stdout,
                         f'- imap.port = {self.box.port("IMAP")}\n+ imap.port = 2143\n')
        self.assertIn('--restart', self.msconfig('revert').stdout)
        self.msconfig('unset', 'log.level')
        self.assertIn('imsimta reload', self.msconfig('revert').stdout)
        self.msconfig('unset', 'log.level')
        with open(path) as f:
            self.assertEqual(f.read(), before)
        self.assertIn('not set', self.msconfig('show', 'log.level').stdout)

    def test_refusals(self):
        for words, why in ((['set', 'imap.port', 'many'], 'must be a port'), (['set', 'imap.prot', '1'], 'imap.port'),
                           (['unset', 'log.level'], 'not set'), (['set', 'log.level'], 'pairs'),
                           (['diff', '999'], 'earlier texts'), (['dance'], 'none of its commands')):
            out = self.msconfig(*words, check=False)
            self.assertEqual(out.returncode, 1)
            self.assertIn(why, out.stderr)

    def test_secrets_stay_hidden(self):
        self.assertIn('directory.bindpassword = (hidden)', self.msconfig('show').stdout)
        with open(os.path.join(self.box.root, 'config/secrets.conf')) as f:
            secret = re.search(r'directory.bindpassword = (\S+)', f.read()).group(1)
        self.msconfig('set', 'directory.bindpassword', '-', input=secret + '\n')
        with open(os.path.join(self.box.root, 'config/msg.conf')) as f:
            self.assertNotIn(secret, f.read())

    def test_a_secret_comes_back_too(self):
        def secret():
            with open(os.path.join(self.box.root, 'config/secrets.conf')) as f:
                return re.search(r'directory.adminpassword = (\S+)', f.read()).group(1)
        before = secret()
        self.msconfig('set', 'directory.adminpassword', '-', input='wrong\n')
        self.assertEqual(secret(), 'wrong')
        self.msconfig('set', 'log.level', 'info')
        self.assertEqual(self.msconfig('diff', '2').stdout,
                         '- directory.adminpassword = (hidden)\n+ directory.adminpassword = (hidden)\n+ log.level = info\n')
        history = os.path.join(self.box.root, 'config/history')
        for name in os.listdir(history):
            if name.startswith('secrets'):
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(history, name)).st_mode), 0o600, name)
        self.msconfig('revert')
        self.assertEqual(secret(), 'wrong', 'it was set before that')
        self.msconfig('revert', '3')
        self.assertEqual(secret(), before)

    def test_check_names_file_and_line(self):
        self.assertIn('is right', self.msconfig('check').stdout)
        path = os.path.join(self.box.root, 'config/msg.conf')
        shutil.copy(path, path + '.old')
        with open(path, 'a') as f:
            f.write('nonsense = 1\n')
        out = self.msconfig('check', check=False)
        os.rename(path + '.old', path)
        self.assertEqual(out.returncode, 1)
        self.assertRegex(out.stderr, r'msg\.conf line \d+: no option is called .nonsense.')

    def test_configutil(self):
        run = lambda *words, **more: self.box.command('configutil', *words, **more)
        self.assertEqual(run('-o', 'service.imap.port').stdout.strip(), str(self.box.port('IMAP')))
        self.assertIn(f'service.imap.port = {self.box.port("IMAP")}\n', run('-p', 'service.imap').stdout)
        run('-o', 'local.ldappoolsize', '-v', '9')
        self.assertEqual(self.msconfig('show', 'directory.poolsize').stdout, 'directory.poolsize = 9\n')
        run('-o', 'local.ldappoolsize', '-d')
        self.assertIn('modern name: imap.port', run('-o', 'service.imap.port', '-H').stdout)
        self.assertEqual(run('-o', 'service.imap.port', '-v', 'x', check=False).returncode, 1)


if __name__ == '__main__':
    waxwing.main()

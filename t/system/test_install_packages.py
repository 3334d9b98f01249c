"""etc/install-packages, with the commands that would change the machine replaced by recorders."""
import os
import shutil
import subprocess
import tempfile
import unittest

import waxwing

SCRIPT = os.path.join(waxwing.TOP, 'etc/install-packages')
RECORDER = '#!/bin/sh\necho "${0##*/} $*" >>"$RECORD"\n'


class InstallPackages(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.record = os.path.join(self.folder, 'record')
        for name in ('apt-get', 'systemctl', 'update-rc.d', 'debconf-set-selections'):
            self.stub(name, RECORDER)
        self.stub('id', '#!/bin/sh\necho 1000\n')
        self.stub('sudo', '#!/bin/sh\nexec "$@"\n')
        self.installed('')

    def stub(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, 0o755)

    def installed(self, *but):
        """Every package asked for is here, but these."""
        missing = ' '.join(but)
        self.stub('dpkg-query', '#!/bin/sh\nshift 2\nfor p; do case " %s " in *" $p "*) ;; '
                                '*) echo "installed $p" ;; esac; done\n' % missing)

    def run_it(self, *kinds):
        env = dict(os.environ, PATH=self.folder + ':' + os.environ['PATH'], RECORD=self.record,
                   POLICY_RC_D=os.path.join(self.folder, 'policy-rc.d'))
        return subprocess.run([SCRIPT, *kinds], env=env, capture_output=True, text=True)

    def done(self):
        if not os.path.exists(self.record):
            return ''
        with open(self.record) as f:
            return f.read()

    def test_nothing_is_done_when_nothing_is_missing(self):
        out = self.run_it('build', 'run', 'test')
        self.assertEqual((out.returncode, out.stdout, out.stderr, self.done()), (0, '', '', ''))

    def test_only_what_is_missing_is_installed(self):
        self.installed('mold', 'swaks')
        out = self.run_it('build', 'run', 'test')
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertRegex(self.done(), r'(?m)^apt-get install .* -- mold swaks$')
        self.assertNotIn('disable', self.done())

    def test_services_that_come_are_switched_off(self):
        self.installed('slapd', 'nsd', 'fetchmail')
        out = self.run_it('run', 'test')
        self.assertEqual(out.returncode, 0, out.stderr)
        for service in ('slapd', 'nsd', 'fetchmail'):
            self.assertIn(f'systemctl disable -q {service}.service\n', self.done())
            self.assertIn(f'update-rc.d {service} disable\n', self.done())
        self.assertFalse(os.path.exists(os.path.join(self.folder, 'policy-rc.d')), 'it is taken away again')

    def test_a_service_that_was_here_is_left_alone(self):
        self.installed('mold')
        self.run_it('build', 'run', 'test')
        self.assertNotIn('systemctl', self.done())

    def test_no_service_starts_while_apt_runs(self):
        self.stub('apt-get', '#!/bin/sh\n"$POLICY_RC_D"; echo "policy $?" >>"$RECORD"\n')
        self.installed('slapd')
        self.assertEqual(self.run_it('run').returncode, 0)
        self.assertIn('policy 101\n', self.done())

    def test_without_the_right_to_use_sudo_it_says_what_to_run(self):
        self.stub('sudo', '#!/bin/sh\necho "sudo: no" >&2\nexit 1\n')
        self.installed('mold')
        out = self.run_it('build')
        self.assertEqual(out.returncode, 1)
        self.assertIn('apt-get install --no-install-recommends mold', out.stderr)

    def test_when_apt_fails_its_words_are_shown_once(self):
        self.stub('apt-get', '#!/bin/sh\necho "E: apt has no mold"; [ "$1" = update ]\n')
        self.installed('mold')
        out = self.run_it('build')
        self.assertEqual(out.returncode, 3)
        self.assertIn('E: apt has no mold', out.stderr)
        self.assertNotIn('sudo did not let us', out.stderr)

    def test_an_unknown_kind_is_refused(self):
        out = self.run_it('toast')
        self.assertEqual(out.returncode, 2)
        self.assertIn("'toast'", out.stderr)


if __name__ == '__main__':
    waxwing.main()

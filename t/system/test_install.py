"""make install over an installation that runs."""
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

import waxwing

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Install(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='waxwing install ')  # with a blank in it
        self.addCleanup(shutil.rmtree, self.root)
        self.stage, self.target = os.path.join(self.root, 'stage'), os.path.join(self.root, 'opt')
        for name in ('bin', 'lib', 'etc/config', 'etc/system', 'man/man1'):
            os.makedirs(os.path.join(self.stage, name))
        shutil.copy('/bin/sleep', os.path.join(self.stage, 'bin', 'daemon'))

    def install(self, *prefix):
        return subprocess.run([os.path.join(TOP, 'etc', 'make', 'install-tree'), self.stage, self.target, *prefix], check=True, timeout=2 * waxwing.DEADLINE,
                              capture_output=True, text=True).stdout

    def test_the_unit_names_the_place_it_is_installed_for(self):
        shutil.copy(os.path.join(TOP, 'etc/system/waxwing.service'), os.path.join(self.stage, 'etc/system'))
        self.install('/srv/mail & more')
        with open(os.path.join(self.target, 'etc/system/waxwing.service')) as file:
            text = file.read()
        self.assertIn('ExecStart="/srv/mail & more/bin/watcher"', text)
        self.assertNotIn('/opt/waxwing', text)

    def test_the_init_script_finds_a_place_with_a_blank(self):
        shutil.copy(os.path.join(TOP, 'etc/system/waxwing.init'), os.path.join(self.stage, 'etc/system'))
        with open(os.path.join(self.stage, 'bin/start-msg'), 'w') as file:
            file.write('#!/bin/sh\necho "$@ here"\n')
        os.chmod(os.path.join(self.stage, 'bin/start-msg'), 0o755)
        self.install()
        told = subprocess.run(['sh', os.path.join(self.target, 'etc/system/waxwing.init'), 'status'], capture_output=True, text=True,
                              timeout=waxwing.DEADLINE)
        self.assertEqual((told.stdout, told.stderr), ('--status here\n', ''))

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'systemd-analyze is not here')
    def test_the_unit_is_right(self):
        os.makedirs(os.path.join(self.root, 'unit/bin'))
        for name in ('watcher', 'imsimta'):
            shutil.copy('/bin/true', os.path.join(self.root, 'unit/bin', name))
        with open(os.path.join(TOP, 'etc/system/waxwing.service')) as file:
            text = file.read()
        unit = os.path.join(self.root, 'waxwing.service')
        with open(unit, 'w') as file:
            file.write(text.replace('/opt/waxwing', os.path.join(self.root, 'unit')))
        told = subprocess.run(['systemd-analyze', 'verify', '--man=no', unit], capture_output=True, text=True, timeout=60)
        self.assertNotIn('waxwing', told.stderr)  # there is a blank in the path
        self.assertIn('\nType=notify\n', text)  # "started" is when the services are, not when watcher is

    def test_it_says_what_comes_next(self):
        self.assertIn('next: /opt/x/bin/configure\n', self.install('/opt/x'))
        os.symlink('/nowhere/config', os.path.join(self.target, 'config'))
        self.assertIn('configure', self.install(), 'that instance is gone')
        os.unlink(os.path.join(self.target, 'config'))
        os.mkdir(os.path.join(self.target, 'config'))
        said = self.install('/opt/x')
        self.assertNotIn('configure', said)
        for service in ('stored', 'job_controller', 'metermaid', 'dispatcher', 'imapd', 'popd'):
            self.assertIn(f'/opt/x/bin/start-msg --restart {service}\n', said)

    def test_what_comes_next_can_be_pasted(self):
        for place in ("/x/op t/waxwing", "/x/joe's $HOME/`wax`", '/x/plain-1.0_a'):
            for words in (['configure'], ['start-msg', '--restart', 'imapd']):
                lines = self.install(place).splitlines()
                line = next(line for line in lines if shlex.split(line.partition('next:')[2] or line)[1:] == words[1:])
                self.assertEqual(shlex.split(line.partition('next:')[2] or line), [f'{place}/bin/{words[0]}', *words[1:]])
                os.makedirs(os.path.join(self.target, 'config'), exist_ok=True)
            os.rmdir(os.path.join(self.target, 'config'))
        self.assertNotIn("'", line, 'a plain name is left plain')

    def test_packages_come_before_anything_is_built(self):
        plan = subprocess.run(['make', '-n', 'PACKAGES=echo PACKAGES', 'BUILDING=echo BUILDING', 'install'],
                              cwd=TOP, capture_output=True, text=True, timeout=2 * waxwing.DEADLINE).stdout.splitlines()
        steps = [line.split()[1] for line in plan if line.startswith('echo ')]
        self.assertEqual(steps[:2], ['PACKAGES', 'BUILDING'], plan)

    def test_long_forms_find_the_build_in_a_folder_with_a_blank(self):
        top = os.path.join(self.root, 'the source')
        os.makedirs(os.path.join(top, 't/crash'))
        os.makedirs(os.path.join(top, 'build'))
        shutil.copy(os.path.join(TOP, 'Makefile'), top)
        shutil.copytree(os.path.join(TOP, 'etc'), os.path.join(top, 'etc'))
        names = ('failpoints', 'storm', 'power', 'order', 'disk', 'list', 'rot')
        for name in names:
            with open(os.path.join(top, f't/crash/test_{name}.py'), 'w') as file:
                file.write('import os\nprint(os.environ["WAXWING_BUILD"])\n')
        for name in names:
            out = subprocess.run(['make', '-s', '-o', 'stage', '-o', 'crash-helpers', 'crash-' + name], cwd=top, capture_output=True, text=True,
                                 timeout=2 * waxwing.DEADLINE)
            self.assertEqual((out.returncode, out.stdout), (0, os.path.join(top, 'build') + '\n'), out.stderr)

    def test_programs_that_run_are_replaced_under_them(self):
        self.install()
        program = os.path.join(self.target, 'bin', 'daemon')
        old = os.stat(program).st_ino
        running = subprocess.Popen([program, '60'])
        try:
            with open(os.path.join(self.stage, 'etc/config/new'), 'w') as file:
                file.write('new\n')
            self.install()
            self.assertIsNone(running.poll())
            self.assertNotEqual(os.stat(program).st_ino, old)
            self.assertEqual(subprocess.run([program, '0'], timeout=2 * waxwing.DEADLINE).returncode, 0)
        finally:
            running.kill()
            running.wait()
        self.assertTrue(os.path.exists(os.path.join(self.target, 'etc/config/new')))
        self.assertEqual(os.listdir(os.path.join(self.target, 'bin')), ['daemon'])


if __name__ == '__main__':
    unittest.main()

"""root starts an instance that belongs to somebody else: all of it runs as that user, and finds its files."""
import os
import pwd
import subprocess
import unittest

import waxwing
from waxwing import wait_until

OWNER = 'nobody'


def processes(root):
    for entry in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{entry}/cmdline', 'rb') as f:
                words = f.read().decode(errors='replace').split('\0')
            uid = os.stat(f'/proc/{entry}').st_uid
        except OSError:
            continue
        if any(w == root or w.startswith(root + '/') for w in words):
            yield os.path.basename(words[0]), uid


@unittest.skipUnless(os.geteuid() == 0, 'only root becomes somebody else')
class Owner(unittest.TestCase):
    def setUp(self):
        self.box = waxwing.Sandbox()
        self.addCleanup(self.box.remove)
        self.box.set_option('local.serveruid', '')
        os.chmod(self.box.folder, 0o755)
        user = pwd.getpwnam(OWNER)
        self.uid = user.pw_uid
        for folder, folders, names in os.walk(self.box.folder):
            for name in [*folders, *names]:
                os.chown(os.path.join(folder, name), user.pw_uid, user.pw_gid, follow_symlinks=False)

    def as_owner(self, *words):
        return subprocess.run([os.path.join(self.box.root, 'bin', words[0]), *words[1:]], user=OWNER, group='nogroup',
                              extra_groups=[], env=self.box.env, capture_output=True, text=True,
                              timeout=4 * waxwing.DEADLINE)

    def test_all_run_as_the_owner_and_both_reach_them(self):
        self.box.start()
        self.assertEqual({uid for _, uid in processes(self.box.root)}, {self.uid})
        self.box.user('joe', 'secret')
        with self.box.smtp() as client:
            client.sendmail('a@example.test', ['joe@example.test'], 'Subject: one\r\n\r\nhello\r\n')
        self.box.wait_messages('joe', 'secret', 1)
        self.assertIn('joe', self.box.command('mboxutil', '-l').stdout)
        self.assertIn('joe', self.as_owner('mboxutil', '-l').stdout)
        self.box.command('imsimta', 'reload')
        self.box.stop()
        again = self.as_owner('start-msg')
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.box.wait_messages('joe', 'secret', 1)

    def test_a_daemon_started_by_hand_becomes_the_owner_too(self):
        daemon = subprocess.Popen([f'{self.box.root}/bin/metermaid', '--instance', self.box.root], env=self.box.env)
        self.addCleanup(lambda: (daemon.kill(), daemon.wait()))
        log = os.path.join(self.box.root, 'log/metermaid.log')
        wait_until(lambda: os.path.exists(log) or daemon.poll() is not None, 'its log')
        self.assertEqual(os.stat(log).st_uid, self.uid)
        self.assertEqual(os.stat(f'/proc/{daemon.pid}').st_uid, self.uid)

    def test_what_root_left_behind_is_named_with_the_command_that_mends_it(self):
        root = self.box.root
        for left in ('log/slapd.log', 'run/watcher.pid', 'queue'):
            path = os.path.join(root, left)
            if not os.path.exists(path):
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            mode = os.stat(path).st_mode
            os.chown(path, 0, 0)
            os.chmod(path, mode & 0o700)
            for told in (self.as_owner('start-msg'), self.box.command('start-msg', check=False)):
                self.assertEqual(told.returncode, 2, told.stdout)
                self.assertIn(f'{path} belongs to root, and the services run as {OWNER}', told.stderr)
                self.assertIn(f"chown -R {OWNER} '{root}/run' '{root}/log'", told.stderr)
            os.chown(path, self.uid, -1)
        self.box.start()


if __name__ == '__main__':
    waxwing.main()

"""configure: sandboxes, the questions and the state file."""
import base64
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import unittest

import waxwing

CONFIGURE = os.path.join(waxwing.STAGE, 'bin/configure')


def setUpModule():
    waxwing.start_shared('slapd')


class Sandbox(waxwing.TestCase):
    def test_env_names_everything(self):
        for name in ('SMTP', 'SUBMIT', 'SUBMITS', 'LMTP', 'IMAP', 'IMAPS', 'POP', 'POPS', 'HTTP'):
            self.assertIn(self.box.port(name), range(self.box.ports.base, self.box.ports.base + waxwing.PORTS))
        self.assertEqual((self.box.env['HOST'], self.box.env['DOMAIN']), ('127.0.0.1', 'example.test'))
        self.assertTrue(os.path.exists(self.box.env['CA_FILE']))
        found = subprocess.run(['sh', '-c', 'command -v start-msg'], env=self.box.env, capture_output=True, text=True)
        self.assertEqual(found.stdout.strip(), os.path.join(self.box.root, 'bin/start-msg'))

    def test_env_leads_to_the_manual(self):
        found = subprocess.run(['man', '-w', 'imsimta', 'watcher'], env=self.box.env, capture_output=True, text=True)
        self.assertEqual(found.stdout.split('\n')[:1], [os.path.join(self.box.root, 'man/man1/imsimta.1')], found.stderr)
        with open(os.path.join(self.box.root, 'env')) as f:
            self.assertIn(f". '{self.box.root}/env'", f.readline())

    def test_cnbuild_names_the_file_it_cannot_write(self):
        out = self.box.run(['bash', '-c', 'trap "" XFSZ; ulimit -f 1; exec imsimta cnbuild'], check=False)
        self.assertNotEqual(out.returncode, 0)
        self.assertIn(os.path.join(self.box.root, 'config/built/mta.built: '), out.stderr)

    def test_bench_env_is_for_a_shell(self):
        out = subprocess.run(['sh', '-c', '. "$1"; echo "$USER_PAT $PASS_PAT $QUEUE_ONLY $QUEUE_DISCARD"', 'sh',
                              os.path.join(self.box.root, 'bench.env')], capture_output=True, text=True).stdout
        self.assertEqual(out.strip(), 'user%04d@example.test pass%04d u%d@hold.test u%d@discard.test')

    def test_directory_answers_with_domain_and_admin(self):
        out = self.box.command('commadmin', 'user', 'search', '--uid', 'admin').stdout
        self.assertIn('admin@example.test', out)
        out = self.box.command('commadmin', 'domain', 'search').stdout
        self.assertIn('example.test', out)

    def test_secrets_are_for_the_owner_only(self):
        for name in ('config/secrets.conf', 'tls/server.key', 'env'):
            mode = os.stat(os.path.join(self.box.root, name)).st_mode
            self.assertEqual(stat.S_IMODE(mode) & 0o077, 0, name)

    def test_an_instance_is_not_written_over(self):
        out = self.box.run([CONFIGURE, '--sandbox', self.box.root], check=False)
        self.assertEqual(out.returncode, 1)
        self.assertIn('holds an instance already', out.stderr)

    def test_wrong_words_are_explained(self):
        for words, why in ((['--port-base', '80'], '--port-base'), (['--domain', 'a b'], 'no domain name'),
                           (['--domain', '--port-base', '80'], '--domain needs a value'),
                           (['--colour'], 'no option --colour'), (['again'], "'again'")):
            out = self.box.run([CONFIGURE, '--sandbox', self.box.root + '-x', *words], check=False)
            self.assertEqual(out.returncode, 1)
            self.assertIn(why, out.stderr)

    def test_a_folder_that_is_not_empty_stays_as_it_is(self):
        home = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, home, True)
        for names in (('thesis.txt',), ('bin/start-msg',)):
            for name in names:
                os.makedirs(os.path.dirname(os.path.join(home, name)), exist_ok=True)
                with open(os.path.join(home, name), 'w') as f:
                    f.write('mine')
            before = sorted(os.listdir(home))
            out = self.box.run([CONFIGURE, '--sandbox', home], check=False, env=dict(os.environ))
            self.assertEqual(out.returncode, 1)
            self.assertRegex(out.stderr, r'is not empty .*choose an empty one')
            self.assertEqual(sorted(os.listdir(home)), before)
        with open(os.path.join(home, 'bin/start-msg')) as f:
            self.assertEqual(f.read(), 'mine')

    def test_a_folder_that_cannot_stand_in_a_path_is_refused(self):
        top = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, top, True)
        for folder in ('with:colon', 'with:colon/below'):
            out = self.box.run([CONFIGURE, '--sandbox', os.path.join(top, folder)], check=False, env=dict(os.environ))
            self.assertEqual(out.returncode, 1)
            self.assertRegex(out.stderr, r"must not hold a colon, which parts the folders in PATH and MANPATH: '.*with:colon.*'; choose another")
            self.assertEqual(os.listdir(top), [])

    def test_a_failed_run_leaves_nothing(self):
        top = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, top, True)
        stage = os.path.join(top, 'stage')
        shutil.copytree(waxwing.STAGE, stage)
        os.unlink(os.path.join(stage, 'lib/private-slapd'))
        for folder in (os.path.join(top, 'new'), os.path.join(top, 'empty')):
            existed = folder.endswith('empty')
            if existed:
                os.mkdir(folder)
            out = self.box.run([os.path.join(stage, 'bin/configure'), '--sandbox', folder], check=False, env=dict(os.environ))
            self.assertEqual(out.returncode, 1, out.stdout)
            self.assertEqual(os.path.exists(folder), existed)
            self.assertEqual(os.listdir(folder) if existed else [], [])

    def test_a_long_path_works(self):
        folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, folder, True)
        root = os.path.join(folder, 'a folder with a rather long name', 'in another one that is even longer',
                            'so that no socket name can hold it')
        out = self.box.run([CONFIGURE, '--sandbox', root, '--port-base', '30990'], env=dict(os.environ)).stdout
        what_next = out.rstrip().splitlines()[-1].partition('next:')[2]
        self.assertEqual(shlex.split(what_next), ['.', root + '/env', '&&', 'start-msg'])
        start = [os.path.join(root, 'bin/start-msg'), 'stored']
        try:
            self.assertRegex(self.box.run(start, env=dict(os.environ)).stdout, 'stored +ready')
            out = self.box.run([os.path.join(root, 'bin/commadmin'), 'user', 'search', '--uid', 'admin'], env=dict(os.environ))
            self.assertIn('admin@example.test', out.stdout)
        finally:
            self.box.run([os.path.join(root, 'bin/stop-msg')], env=dict(os.environ))


class Installation(waxwing.TestCase):
    """An installation as whoever runs the tests: its folder is scratch, its user is us."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='waxwing-')
        self.addCleanup(shutil.rmtree, self.folder, True)
        # The installed tree is linked to its instance: a copy, so that the built one stays as it is.
        self.stage = os.path.join(self.folder, 'opt')
        shutil.copytree(waxwing.STAGE, self.stage)
        self.data = os.path.join(self.folder, 'data')
        import pwd
        self.user = pwd.getpwuid(os.getuid()).pw_name

    def configure(self, *words, input=None):
        return self.box.run([os.path.join(self.stage, 'bin/configure'), *words], check=False, input=input,
                            env=dict(os.environ))

    def answers(self, **other):
        given = dict(path=self.data, user=self.user, host='mail.siroe.test', domain='', ldap='', postmaster='',
                     relay='192.0.2.0/24, 198.51.100.7', password='s3cret', again='s3cret')
        given.update(other)
        return '\n'.join(given.values()) + '\n'

    def state(self, **other):
        given = {'Fqdn.TextField': 'mail.siroe.test', 'msg.DataPath': self.data, 'iMS.UserId': self.user, 'EmailDomain.TextField': 'siroe.test',
                 'Postmaster.TextField': 'admin@siroe.test', 'admin.password': base64.b64encode(b's3cret').decode(), **other}
        return ''.join(f'{name}={value}\n' for name, value in given.items())

    def configure_from(self, text, *words):
        path = os.path.join(self.folder, 'state')
        with open(path, 'w') as f:
            f.write(text)
        return self.configure('--state', path, *words)

    def command(self, *words, **more):
        return self.box.run([os.path.join(self.data, 'bin', words[0]), *words[1:]], env=dict(os.environ), **more)

    def test_questions_and_state_file(self):
        out = self.configure(input=self.answers())
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        questions = re.findall(r'(Folder|User that|Fully|Default mail|LDAP host|Postmaster|relay|Password)', out.stdout)
        self.assertEqual(questions, ['Folder', 'User that', 'Fully', 'Default mail', 'LDAP host', 'Postmaster',
                                     'relay', 'Password'])
        with open(os.path.join(self.data, 'config/saveState')) as f:
            state = f.read()
        self.assertIn('Fqdn.TextField=mail.siroe.test\n', state)
        self.assertIn('EmailDomain.TextField=siroe.test\n', state)
        self.assertIn('Postmaster.TextField=admin@siroe.test\n', state)
        self.assertIn('InternalIPList=192.0.2.0/24,198.51.100.7/32\n', state)
        self.assertIn('admin.password=' + base64.b64encode(b's3cret').decode(), state)
        self.assertEqual(os.stat(os.path.join(self.data, 'config/saveState')).st_mode & 0o077, 0)
        with open(os.path.join(self.data, 'config/mappings')) as f:
            mappings = f.read()
        self.assertIn('$(192.0.2.0/24)', mappings)
        self.assertIn('$(198.51.100.7/32)', mappings)
        # The installed tree leads to the instance, and the same answers from the file give the same one.
        shown = self.box.run([os.path.join(self.stage, 'bin/msconfig'), 'show', 'local.hostname'], env=dict(os.environ))
        self.assertEqual(shown.stdout, 'local.hostname = mail.siroe.test\n')
        again = os.path.join(self.folder, 'state')
        shutil.copy(os.path.join(self.data, 'config/saveState'), again)
        with open(again) as f:
            text = f.read().replace(self.data, self.data + '2')
        with open(again, 'w') as f:
            f.write(text)
        out = self.configure('--state', again)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        with open(self.data + '/config/msg.conf') as one, open(self.data + '2/config/msg.conf') as two:
            self.assertEqual(one.read().replace(self.data, ''), two.read().replace(self.data + '2', '')
                             .replace('%2fdata2', '%2fdata'))

    def test_networks_of_both_kinds_and_this_host_itself(self):
        out = self.configure(input=self.answers(relay='192.0.2.0/24, 2001:db8::/32'))
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        own = subprocess.run(['hostname', '-I'], capture_output=True, text=True).stdout.split()
        for address, flag in (*((a, 'Y') for a in own), ('192.0.2.9', 'Y'), ('2001:db8::9', 'Y'), ('127.0.0.1', 'Y'), ('::1', 'Y'), ('198.51.100.7', 'N')):
            shown = self.command('imsimta', 'test', '-mapping', '-table=INTERNAL_IP', address).stdout
            self.assertIn(f"Output flags:  '{flag}'", shown, address)

    def test_no_wish_lets_it_work_without_a_folder(self):
        for folder in ('', 'here'):
            out = self.configure_from(self.state(**{'msg.DataPath': folder}), '--novalidate')
            self.assertEqual(out.returncode, 1)
            self.assertIn('must be a full path', out.stderr)

    def test_a_second_time_the_answers_hold(self):
        self.assertEqual(self.configure_from(self.state()).returncode, 0)
        with open(os.path.join(self.data, 'config/mine'), 'w') as f:
            f.write('keep me')
        other = {'EmailDomain.TextField': 'other.test', 'Postmaster.TextField': 'admin@other.test',
                 'admin.password': base64.b64encode(b'another').decode()}
        for text in (self.state(**other), self.state(**other)):
            out = self.configure_from(text)
            self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
            self.assertIn(f'earlier configuration is in {self.data}/config.before', out.stdout)
        out = self.configure_from(self.state(**{'Fqdn.TextField': 'mx.other.test'}))
        self.assertIn('tls/server.pem is not for mx.other.test: replace it', out.stdout)
        out = self.configure_from(self.state(**{'admin.password': base64.b64encode(b'another').decode()}))
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        ports = waxwing.PortRange()
        self.addCleanup(ports.release)
        self.command('msconfig', 'set', 'local.listenaddr', '127.0.0.1', 'imap.port', str(ports.base), 'imap.enablesslport', '0')
        self.addCleanup(self.command, 'stop-msg', check=False)
        self.command('start-msg', 'imap')
        self.assertIn('other.test', self.command('commadmin', 'domain', 'search').stdout)
        import imaplib
        for uid in ('admin', 'admin@other.test'):
            with imaplib.IMAP4('127.0.0.1', ports.base) as client:
                self.assertEqual(client.login(uid, 'another')[0], 'OK')
        out = self.configure_from(self.state())
        self.assertEqual(out.returncode, 1)
        self.assertIn('stop them first', out.stderr)

    def test_what_fails_leaves_the_earlier_configuration(self):
        self.assertEqual(self.configure_from(self.state()).returncode, 0)
        with open(os.path.join(self.data, 'config/mine'), 'w') as f:
            f.write('keep me')
        nowhere = {'UGDIR_URL': 'ldap://127.0.0.1:1', 'UGDIR_BINDDN': 'cn=x', 'UGDIR_BINDPW': base64.b64encode(b'x').decode()}
        out = self.configure_from(self.state(**nowhere))
        self.assertEqual(out.returncode, 1)
        self.assertIn('does not answer', out.stderr)
        self.assertNotIn('readable', out.stderr)
        out = self.configure_from(self.state(**nowhere), '--novalidate')
        self.assertEqual(out.returncode, 1)
        self.assertIn('earlier configuration stands as it was', out.stderr)
        self.assertEqual(sorted(n for n in os.listdir(self.data) if n.startswith('config')), ['config'])
        for name in ('mine', 'secrets.conf', 'built/mta.built', 'saveState'):
            self.assertTrue(os.path.exists(os.path.join(self.data, 'config', name)), name)

    def test_an_interrupt_shows_what_is_typed_again(self):
        import pty
        import termios
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        answers = self.answers().splitlines()[:-2]
        asks = subprocess.Popen([os.path.join(self.stage, 'bin/configure')], stdin=slave, stdout=subprocess.PIPE,
                                preexec_fn=os.setsid, text=True)
        self.addCleanup(asks.stdout.close)
        os.write(master, ('\n'.join(answers) + '\n').encode())
        shown = lambda: bool(termios.tcgetattr(slave)[3] & termios.ECHO)
        waxwing.wait_until(lambda: not shown(), 'the hidden question')
        asks.send_signal(subprocess.signal.SIGINT)
        self.assertEqual(asks.wait(waxwing.DEADLINE), -subprocess.signal.SIGINT)
        self.assertTrue(shown())

    @unittest.skipUnless(os.getuid() == 0, 'root becomes somebody else')
    def test_who_is_not_root_hears_it_at_once(self):
        os.chmod(self.folder, 0o755)
        out = self.box.run(['setpriv', '--reuid=nobody', '--clear-groups', os.path.join(self.stage, 'bin/configure')], check=False,
                           input=f'{self.data}\n/tmp/waxwing-of-nobody\nroot\n', env=dict(os.environ))
        self.assertIn('cannot be written; run configure as root', out.stdout)
        self.assertIn("only root can have servers run as 'root'", out.stdout)

    def test_a_folder_with_other_things_stays_as_it_is(self):
        os.makedirs(os.path.join(self.data, 'config'))
        for name in ('letters', 'config/mine'):
            with open(os.path.join(self.data, name), 'w') as f:
                f.write('keep me')
        out = self.configure(input=self.answers())
        self.assertEqual(out.returncode, 1)
        self.assertIn("holds other things ('letters')", out.stdout)  # and the question comes again
        self.assertTrue(os.path.exists(os.path.join(self.data, 'config/mine')))

    def test_after_a_first_run_that_failed_the_next_works(self):
        script = os.path.join(self.stage, 'lib/private-slapd')
        os.rename(script, script + '.away')
        out = self.configure_from(self.state())
        self.assertEqual(out.returncode, 1, out.stdout)
        self.assertFalse(os.path.exists(self.data), 'what a failed first run made')
        # One that was killed could not clear up: what is there is an instance's, and no obstacle.
        from_earlier = ('metermaid', 'autoreply', 'defragment', 'circuitcheck', 'queue', 'bin')
        for name in from_earlier:
            os.makedirs(os.path.join(self.data, name))
        self.assertEqual(self.configure_from(self.state()).returncode, 1)
        self.assertEqual(sorted(os.listdir(self.data)), sorted(from_earlier))
        os.rename(script + '.away', script)
        out = self.configure_from(self.state())
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)

    def test_a_command_of_somebody_elses_is_not_replaced(self):
        os.makedirs(os.path.join(self.data, 'bin'))
        mine = os.path.join(self.data, 'bin/start-msg')
        with open(mine, 'w') as f:
            f.write('mine')
        out = self.configure_from(self.state())
        self.assertEqual(out.returncode, 1)
        self.assertIn(f'{mine} is there and is no link of ours', out.stderr)
        with open(mine) as f:
            self.assertEqual(f.read(), 'mine')

    def test_the_saved_answers_are_no_part_of_a_build(self):
        self.assertEqual(self.configure(input=self.answers()).returncode, 0)
        self.box.run([os.path.join(self.stage, 'bin/imsimta'), 'cnbuild'], env=dict(os.environ))
        with open(os.path.join(self.data, 'config/built/mta.built')) as f:
            self.assertFalse(base64.b64encode(b's3cret').decode() in f.read(), 'the password of admin is in it')

    @unittest.skipUnless(os.getuid() == 0, 'only root can make an instance for somebody else')
    def test_root_rebuilds_what_belongs_to_the_service_user(self):
        os.chmod(self.folder, 0o755)
        out = self.configure(input=self.answers(user='nobody'))
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        self.box.run([os.path.join(self.stage, 'bin/imsimta'), 'cnbuild'], env=dict(os.environ))
        out = self.box.run([os.path.join(self.stage, 'bin/imsimta'), 'test', '-rewrite', 'joe@elsewhere.test'],
                           check=False, env=dict(os.environ))
        self.assertIn('channel tcp_local', out.stdout, out.stderr)

    def test_wrong_answers_come_again(self):
        text = self.answers(host='bare\nmail.siroe.test', postmaster='postmaster@siroe.test\nroot@siroe.test',
                            password='one\nlong\nlonger\ns3cret')
        out = self.configure(input=text)
        self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
        self.assertIn('not fully qualified', out.stdout)
        self.assertIn('must not begin with "Postmaster"', out.stdout)
        self.assertIn('4 characters', out.stdout)
        self.assertIn('not the same', out.stdout)

    def test_input_that_ends_early(self):
        out = self.configure(input=self.data + '\n')
        self.assertEqual(out.returncode, 1)
        self.assertIn('ended before all questions', out.stderr)
        self.assertFalse(os.path.exists(self.data))

    def test_state_file_errors_name_the_line(self):
        path = os.path.join(self.folder, 'state')
        for text, why in (('a=b\n', 'line 1: no key'), ('# x\njunk\n', 'line 2: key=value'),
                          ('admin.password=***\n', 'base64'),
                          ('Fqdn.TextField=a.b.test\n', "EmailDomain.TextField: '' is no domain name"),
                          (self.state(**{'OrgName.TextField': 'o=Siroe Corporation,o=isp'}), "a directory of the site's own"),
                          (self.state(**{'iMS.UserId': ''}), 'user that runs the servers is missing'),
                          (self.state(**{'iMS.UserId': 'mail srv'}), 'cannot be the name of a user')):
            with open(path, 'w') as f:
                f.write(text)
            out = self.configure('--state', path)
            self.assertEqual(out.returncode, 1)
            self.assertIn(why, out.stderr)


if __name__ == '__main__':
    waxwing.main()

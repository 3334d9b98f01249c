"""What rewriting takes from outside: databases made by imsimta crdb, and routines of the site."""
import os
import shutil
import subprocess
import tempfile

import waxwing


def setUpModule():
    waxwing.start_shared()


class Sandbox(waxwing.TestCase):
    """Puts the texts it changes back."""

    def setUp(self):
        self.addCleanup(self.box.publish)
        self.addCleanup(shutil.rmtree, os.path.join(self.box.root, 'db'), ignore_errors=True)

    @staticmethod
    def put(path, text):
        with open(path, 'w') as f:
            f.write(text)

    def edit(self, name, more):
        self.box.edit(name, more, until=self)

    def publish(self):
        self.box.publish()

    def crdb(self, database, text, *options, check=True):
        path = os.path.join(self.box.root, 'input.txt')
        self.put(path, text)
        return self.box.command('imsimta', 'crdb', *options, path, database, check=check)

    def walk(self, address, *more):
        return self.box.command('imsimta', 'test', '-rewrite', *more, address, check=False).stdout

    def rcpt(self, address):
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@example.test')
            return client.rcpt(address)


class Databases(Sandbox):
    def test_every_database_reaches_the_running_server(self):
        self.box.user('dbuser', 'secret')
        self.edit('local.rules', 'general.test  $(gate)@tcp-daemon\n')
        self.edit('option.dat', '\nUSE_FORWARD_DATABASE=1\n')
        self.publish()
        self.assertEqual(self.rcpt('team@example.test')[0], 550)
        for database, text in (('general', 'gate  $U%gate.test\n'), ('domain', 'gone.test  $?Moved$ away\n'),
                               ('IMTA_ALIAS_DATABASE', 'team  dbuser@example.test\n'),
                               ('forward', 'old@far.test  nobody-here@example.test\n'),
                               ('reverse:', 'dbuser@example.test  Data.Base@example.test\n')):
            self.assertIn('1 entries', self.crdb(database.rstrip(':'), text).stdout)
        self.assertEqual(self.rcpt('team@example.test')[0], 550)  # not before the reload
        self.box.command('imsimta', 'reload')
        self.assertEqual(self.rcpt('team@example.test')[0], 250)
        self.assertIn(b'Moved away', self.rcpt('x@gone.test')[1])
        self.assertIn(b'nobody-here', self.rcpt('old@far.test')[1])
        self.assertIn('x@gate.test on channel', self.walk('x@general.test'))
        with self.box.smtp() as client:
            client.sendmail('dbuser@example.test', ['team@example.test'],
                            'From: dbuser@example.test\r\nSubject: reversed\r\n\r\nx\r\n')
        self.box.wait_messages('dbuser', 'secret', 1)
        with self.box.imap('dbuser', 'secret') as client:
            client.select('INBOX')
            self.assertIn(b'From: Data.Base@example.test', client.fetch('1', '(BODY.PEEK[HEADER])')[1][0][1])

    def test_append_delete_dump_rename(self):
        self.crdb('general', 'a 1\nb 2\n')
        self.crdb('general', 'b 3\nc 4\n', '-append')
        self.assertEqual(self.box.command('imsimta', 'crdb', '-dump', 'general').stdout, 'a  1\nb  3\nc  4\n')
        self.crdb('general', 'A x\n', '-delete')
        self.assertEqual(self.box.command('imsimta', 'crdb', '-dump', 'general').stdout, 'b  3\nc  4\n')
        out = self.crdb('general', '"two words" 1\nsales: s@x\nsales: t@x\n', '-quoted', '-remove', '-strip_colons', '-statistics')
        self.assertIn('3 lines read, 1 duplicates left out', out.stdout)
        self.assertIn(':3: "sales" is there already', out.stderr)
        aside = os.path.join(self.box.root, 'aside.db')
        self.crdb(aside, 'new name\n')
        self.box.command('imsimta', 'renamedb', aside, 'general')
        self.assertFalse(os.path.exists(aside))
        self.assertEqual(self.box.command('imsimta', 'crdb', '-dump', 'general').stdout, 'new  name\n')

    def test_what_is_wrong_is_told_and_makes_nothing(self):
        self.crdb('domain', 'a.test $U%b\n')
        wrong = self.crdb('domain', 'a.test $U%b\nc.test $k\nalone\n', check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('c.test: unknown sequence $k', wrong.stderr)
        self.assertRegex(wrong.stderr, r'input\.txt:3: "alone" stands for nothing')
        self.assertEqual(self.box.command('imsimta', 'crdb', '-dump', 'domain').stdout, 'a.test  $U%b\n')
        path = os.path.join(self.box.root, 'db', 'domain.db')
        with open(path, 'r+b') as f:
            f.seek(80)
            byte = f.read(1)
            f.seek(80)
            f.write(bytes([byte[0] ^ 1]))
        self.assertIn('damaged', self.box.command('imsimta', 'crdb', '-dump', 'domain', check=False).stderr)
        short = path + '.short'
        with open(path, 'rb') as whole, open(short, 'wb') as f:
            f.write(whole.read(50))
        os.replace(short, path)
        self.assertEqual(self.box.command('imsimta', 'reload', check=False).returncode, 75)
        self.assertIn('domain.db', self.box.command('imsimta', 'cnbuild', check=False).stderr)
        self.assertEqual(self.rcpt('postmaster@example.test')[0], 250)  # the old snapshot goes on


class SiteRoutines(Sandbox):
    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.box.root, 'site-programs')
        os.makedirs(self.folder, exist_ok=True)
        self.library = os.path.join(self.folder, 'example.so')

    def tearDown(self):
        shutil.rmtree(self.folder)
        super().tearDown()

    def build(self, *more):
        subprocess.run(['cc', *more, '-shared', '-fPIC', '-Wall', '-Werror', '-pedantic', '-std=c99', '-I',
                        os.path.join(waxwing.STAGE, 'include'), '-o', self.library,
                        os.path.join(waxwing.TOP, 't', 'site_routine', 'example.c')], check=True)

    def test_the_example(self):
        self.edit('local.rules', '.turn.test  $U%$[IMTA_LIB:example.so,reverse,$H].test@tcp-daemon\n'
                                 'turn.test   $U%$[example.so,reverse,$L]none@tcp-daemon\nturn.test  $U%empty.test@tcp-daemon\n')
        self.edit('mappings', '\nFROM_ACCESS\n\n  *|*|*|*|*|*|*|*|*@*|*  $C$[example.so,refuse,$9]$E\n')
        missing = self.box.command('imsimta', 'cnbuild')
        self.assertRegex(missing.stdout, r'warning: local\.rules:\d+: .*site-programs/example\.so')
        self.build()
        self.assertNotIn('example.so', self.box.command('imsimta', 'cnbuild').stdout)
        self.box.command('imsimta', 'reload')
        self.assertIn('x@cba.test on channel tcp_local', self.walk('x@abc.turn.test'))
        self.assertIn('x@empty.test on channel tcp_local', self.walk('x@turn.test'))
        with self.box.smtp() as client:
            client.ehlo()
            self.assertEqual(client.mail('u@example.test')[0], 250)
            client.rset()
            code, text = client.mail('u@spam.test')
            self.assertEqual((code // 100, b'not wanted here' in text), (5, True))

    def test_a_library_that_others_may_write_is_not_called(self):
        self.build()
        os.chmod(self.library, 0o777)
        self.edit('local.rules', '.turn.test  $U%$[example.so,reverse,$H].test@tcp-daemon\n')
        self.assertIn('nobody else may write it', self.box.command('imsimta', 'cnbuild').stdout)
        self.assertIn('451 4.3.5', self.walk('x@abc.turn.test'))

    def test_a_library_that_does_not_say_it_was_made_for_rules_is_not_called(self):
        self.build('-Dwaxwing_site_abi=something_else')
        self.edit('local.rules', '.turn.test  $U%$[example.so,reverse,$H].test@tcp-daemon\n')
        self.assertIn('has no waxwing_site_abi', self.box.command('imsimta', 'cnbuild').stdout)
        self.assertIn('451 4.3.5', self.walk('x@abc.turn.test'))

    def test_an_absolute_path_counts_in_a_rule_and_not_in_a_database(self):
        self.build()
        folder = tempfile.mkdtemp(prefix='waxwing-site-')
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        library = shutil.copy(self.library, folder)
        call = f'$[{library},reverse,abc]'
        self.edit('local.rules', 'key.test  $U%$(gate)@tcp-daemon\n')
        self.crdb('general', f'gate  {call}.test\n')
        self.publish()
        self.assertIn('must stand in a rule or a mapping', self.walk('x@key.test'))
        self.edit('local.rules', f'path.test  $U%{call}.test@tcp-daemon\n')
        self.publish()
        for address in ('x@path.test', 'x@key.test'):
            self.assertIn('x@cba.test on channel tcp_local', self.walk(address))

    def test_what_strangers_write_calls_nothing(self):
        self.build()
        self.edit('local.rules', '.turn.test  $[example.so,reverse,$U]%turned.test@tcp-daemon\n')
        self.publish()
        trace = f'/tmp/wx{os.getpid()}'  # a local part has 64 bytes
        attack = f'$[/lib/x86_64-linux-gnu/libc.so.6,system,touch {trace}]'
        with self.box.smtp() as client:
            client.ehlo()
            client.mail('a@example.test')
            code, text = client.docmd('RCPT', f'TO:<"{attack[::-1]}"@abc.turn.test>')
        self.assertEqual((code, b'4.3.5' in text), (451, True), text)
        self.assertFalse(os.path.exists(trace))
        self.assertEqual(self.rcpt('tac@abc.turn.test')[0] // 100, 2)


class Walk(Sandbox):
    def test_why_a_rule_does_not_apply(self):
        self.edit('local.rules', 'why.test  $R$U%back.test@tcp-daemon\nwhy.test  $Mtcp_auth$U%auth.test@tcp-daemon\n'
                                 'why.test  $V$D$U%local.test@tcp-daemon\nwhy.test  $P$U%percent.test@tcp-daemon\n'
                                 'why.test  $U%$(missing)@tcp-daemon\nwhy.test  $U%other.test\nother.test  $U%why.test\n')
        self.publish()
        out = self.walk('x@why.test', '-channel=tcp_local')
        for why in ('$R: this address points forward', 'the source channel is tcp_local', '$V: the domain is not local',
                    'the host stands right of @', '$(...): nothing found'):
            self.assertIn('fails: ' + why, out)
        refused = out.strip().split('\n')[-1]
        self.assertRegex(refused, r'Refused: 550 5\.4\.6 .* does not come to an end; rules that lead to each other: '
                                  r'other\.test \(local\.rules:\d+\), why\.test \(local\.rules:\d+\)$')

    def test_recipients_stand_channel_by_channel(self):
        self.box.user('w1', 'secret')
        self.box.user('w2', 'secret')
        self.box.command('commadmin', 'group', 'create', '--name', 'mixed', '--member', 'w1@example.test', '--member',
                         'far@far.test', '--member', 'w2@example.test', '--member', 'nobody-at-all@example.test')
        out = self.walk('mixed@example.test')
        recipients = out[out.index('\nRecipients\n'):]
        channels = [line.split(' on channel ')[1].split(',')[0] for line in recipients.split('\n') if ' on channel ' in line]
        self.assertEqual(channels, ['ims-ms', 'ims-ms', 'tcp_local'])
        self.assertIn('member nobody-at-all@example.test: 550 5.1.1', recipients)
        for options, code in (((), 0), (('-check_expansions',), 1)):
            done = self.box.command('imsimta', 'test', '-rewrite', '-noverbose', *options, 'mixed@example.test', check=False)
            self.assertEqual(done.returncode, code)

    def test_addresses_of_a_file(self):
        path = os.path.join(self.box.root, 'addresses')
        self.put(path, 'a@far.test\n\n@gate.test:b@far.test\n')
        out = self.box.command('imsimta', 'test', '-rewrite', '-noverbose', f'-input={path}').stdout
        self.assertIn('a@far.test on channel tcp_local', out)
        self.assertIn('@gate.test:b@far.test on channel tcp_local, host gate.test', out)

    def test_what_the_directory_says(self):
        self.box.user('asked', 'secret')
        out = self.box.command('imsimta', 'test', '-url', 'ldap:///?mail,uid?sub?(uid=asked)').stdout
        self.assertIn('mail: asked@example.test', out)
        self.assertIn('1 entries', out)
        self.assertEqual(self.box.command('imsimta', 'test', '-url', 'ldap:///?mail?sub?(uid=none)', check=False).returncode, 1)
        known = self.box.command('imsimta', 'test', '-domain_map', 'example.test').stdout
        self.assertIn('status: active', known)
        self.assertIn('$V: holds', known)
        unknown = self.box.command('imsimta', 'test', '-domain_map', 'far.test', check=False)
        self.assertEqual((unknown.returncode, '$V fails' in unknown.stdout), (1, True))


if __name__ == '__main__':
    waxwing.main()

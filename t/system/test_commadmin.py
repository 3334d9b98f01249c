"""commadmin against the private directory server, in an instance at a path that is long and has spaces."""
import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import waxwing
from waxwing import wait_until


class Commadmin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix='waxwing commadmin ')
        cls.root = os.path.join(cls.top, 'a folder with a long name ' * 4 + 'ä "quoted" & odd')
        os.makedirs(os.path.join(cls.root, 'config'))
        cls.helper = os.path.join(waxwing.STAGE, 'lib', 'private-slapd')
        cls.slapd('prepare', '--domain', 'example.test')
        cls.slapd('prepare', '--domain', 'example.test')  # safe to repeat
        cls.write('msg.conf', 'local.defaultdomain = example.test\nlocal.hostname = mail.example.test\n'
                  + cls.slapd('settings'))
        cls.write('secrets.conf', cls.slapd('secrets'))
        cls.start()

    @classmethod
    def tearDownClass(cls):
        cls.stop()
        link = os.path.join(cls.root, 'run', 'ldapi')
        if os.path.islink(link):
            shutil.rmtree(os.path.dirname(os.readlink(link)), ignore_errors=True)
        shutil.rmtree(cls.top)

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.root, 'config', name), 'w', encoding='utf-8') as f:
            f.write(text)

    @classmethod
    def slapd(cls, *words):
        return subprocess.run([cls.helper, cls.root, *words], check=True, stdout=subprocess.PIPE, text=True).stdout

    @classmethod
    def start(cls):
        cls.server = subprocess.Popen([cls.helper, cls.root, 'serve'], stderr=subprocess.DEVNULL)
        wait_until(lambda: cls.try_run('user', 'search').returncode == 0, 'slapd to answer')

    @classmethod
    def stop(cls):
        cls.server.kill()
        cls.server.wait()

    @classmethod
    def try_run(cls, *words, stdin=''):
        return subprocess.run([os.path.join(waxwing.STAGE, 'bin', 'commadmin'), *words, '--instance', cls.root],
                              capture_output=True, text=True, input=stdin)

    def run_well(self, *words, **more):
        done = self.try_run(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, expected, *words):
        done = self.try_run(*words)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(expected, done.stderr)

    def one(self, *words):
        found = json.loads(self.run_well(*words, '--json'))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_user_from_birth_to_end(self):
        self.run_well('user', 'create', 'joe', '--first', 'Joe', '--last', 'Doe', '--quota', '10M', '--alternate',
                      'j.doe@example.test', '--password-file', '-', stdin='secret\n')
        joe = self.one('user', 'search', 'joe')
        self.assertEqual(joe['mail'], ['joe@example.test'])
        self.assertEqual(joe['mailQuota'], ['10485760'])
        self.assertEqual(joe['mailHost'], ['mail.example.test'])
        self.assertEqual(joe['mailDeliveryOption'], ['mailbox'])
        self.assertNotIn('userPassword', joe)
        self.refused('exists already', 'user', 'create', 'joe', '--password', 'x')
        self.refused('belongs to', 'user', 'create', 'ann', '--mail', 'J.Doe@example.test', '--password', 'x')
        self.run_well('user', 'modify', 'joe', '--status', 'hold', '--alternate', '', '--set', 'description=two words')
        joe = self.one('user', 'search', 'joe')
        self.assertEqual(joe['mailUserStatus'], ['hold'])
        self.assertEqual(joe['description'], ['two words'])
        self.assertNotIn('mailAlternateAddress', joe)
        self.run_well('user', 'delete', 'joe')
        self.assertEqual(self.one('user', 'search', 'joe')['mailUserStatus'], ['deleted'])
        self.run_well('user', 'delete', 'joe', '--purge')
        self.refused('no user joe', 'user', 'delete', 'joe')

    def test_what_is_missing_is_told_with_what_there_is(self):
        self.run_well('domain', 'create', 'third.test')
        self.run_well('user', 'create', 'zoe', '--domain', 'third.test', '--no-password')
        self.run_well('group', 'create', 'crew', '--domain', 'third.test')
        for words, says in ((('user', 'modify', 'zoe', '--status', 'hold'),
                             ('no user zoe in domain example.test', 'there is one in third.test: say which with --domain')),
                            (('user', 'delete', 'nobody'), ('no user nobody', 'commadmin user search --domain example.test')),
                            (('user', 'delete', 'zoe@third.test'), ("write the user's name alone", '--domain third.test')),
                            (('group', 'delete', 'crew'), ('no group crew', 'there is one in third.test')),
                            (('user', 'create', 'joe', '--domain', 'typo.test', '--no-password'),
                             ('no domain typo.test', 'there are example.test, ', 'third.test', 'commadmin domain create --domain typo.test'))):
            with self.subTest(words):
                done = self.try_run(*words)
                self.assertEqual(done.returncode, 1, done.stdout)
                for text in says:
                    self.assertIn(text, done.stderr)

    def test_hostile_names_change_nothing_else(self):
        self.run_well('user', 'create', 'witness', '--no-password')
        for name in ('*', 'w*', 'x)(uid=*', 'witness,ou=People', 'a\nb', 'a/b'):
            done = self.try_run('user', 'delete', name, '--purge')
            self.assertEqual(done.returncode, 1, name)
        self.one('user', 'search', 'witness')
        self.assertEqual(json.loads(self.run_well('user', 'search', 'x)(uid=*', '--json')), [])
        self.run_well('user', 'create', 'o,r=d+"er\\', '--no-password')
        self.assertEqual(self.one('user', 'search', 'o,r=d+"er\\')['uid'], ['o,r=d+"er\\'])

    def test_domains_and_groups(self):
        self.run_well('domain', 'create', 'second.test', '--alias', 'zwei.test')
        self.refused('already', 'domain', 'create', 'zwei.test')
        self.refused('no domain name', 'domain', 'create', 'a,o=isp')
        self.run_well('user', 'create', 'eve', '--domain', 'zwei.test', '--no-password')
        self.assertEqual(self.one('user', 'search', 'eve')['mail'], ['eve@second.test'])
        self.run_well('group', 'create', 'staff', '--domain', 'second.test', '--member', 'eve', '--member',
                      'out@elsewhere.test')
        staff = self.one('group', 'search', 'staff')
        self.assertEqual(staff['uniqueMember'], ['uid=eve,ou=People,o=second.test,o=isp'])
        self.assertEqual(staff['mgrpRFC822MailMember'], ['out@elsewhere.test'])
        self.refused('belongs to', 'group', 'modify', 'staff', '--domain', 'second.test', '--alternate',
                     'Eve@second.test')
        self.run_well('group', 'modify', 'staff', '--domain', 'second.test', '--remove-member', 'eve')
        self.assertNotIn('uniqueMember', self.one('group', 'search', 'staff'))
        self.refused('no member', 'group', 'modify', 'staff', '--domain', 'second.test', '--remove-member', 'eve')
        self.run_well('group', 'delete', 'staff', '--domain', 'second.test')
        self.assertEqual(self.one('group', 'search', 'staff')['inetMailGroupStatus'], ['deleted'])
        self.run_well('group', 'delete', 'staff', '--domain', 'second.test', '--purge')
        self.assertEqual(json.loads(self.run_well('group', 'search', 'staff', '--json')), [])
        self.run_well('domain', 'modify', 'second.test', '--status', 'inactive', '--catchall', 'eve@second.test')
        self.assertEqual(self.one('domain', 'search', 'second.test')['mailDomainCatchallAddress'], ['eve@second.test'])
        self.assertEqual(self.one('domain', 'search', 'second.test')['mailDomainStatus'], ['inactive'])
        self.run_well('domain', 'delete', 'second.test')
        self.assertEqual(self.one('domain', 'search', 'second.test')['mailDomainStatus'], ['deleted'])
        self.assertEqual(self.one('domain', 'search', 'second.test')['inetDomainStatus'], ['deleted'])
        self.run_well('domain', 'delete', 'second.test', '--purge')
        self.assertEqual(json.loads(self.run_well('user', 'search', 'eve', '--json')), [])

    def test_many_users(self):
        begun = time.monotonic()
        self.run_well('user', 'create', '--count', '1100', '--pattern', 'user%04d', '--password-pattern', 'pass%04d')
        print(f'1100 users in {time.monotonic() - begun:.1f} s')
        users = json.loads(self.run_well('user', 'search', 'user*', '--json'))
        self.assertEqual([u['uid'][0] for u in users], [f'user{n:04}' for n in range(1, 1101)])
        # Each can log in with his own password.
        url = self.slapd('url').strip()
        for number, password, code in ((1, 'pass0001', 0), (1100, 'pass1100', 0), (2, 'pass0001', 49)):
            done = subprocess.run(['ldapwhoami', '-x', '-H', url, '-D',
                                   f'uid=user{number:04},ou=People,o=example.test,o=isp', '-w', password],
                                  capture_output=True)
            self.assertEqual(done.returncode, code)
        self.refused('3 failed', 'user', 'create', '--count', '5', '--first-number', '1098', '--pattern', 'user%04d',
                     '--password-pattern', 'p%d')

    def test_exit_codes(self):
        self.assertEqual(self.try_run('user', 'paint').returncode, 64)
        self.assertEqual(self.try_run('user', 'create', 'x', '--bogus').returncode, 64)
        self.stop()
        try:
            done = self.try_run('user', 'search')
            self.assertEqual(done.returncode, 75)
            self.assertIn('no LDAP server answers', done.stderr)
        finally:
            self.start()


if __name__ == '__main__':
    waxwing.main()

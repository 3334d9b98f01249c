"""Where mail goes and who may send it: the default configuration on a real directory, and imsimta."""
import os
import re
import shutil

import waxwing


def setUpModule():
    waxwing.start_shared()


def replies(client, *recipients, sender='someone@far.test'):
    """RCPT replies of a transaction that is then reset: [(code, text), ...]."""
    client.ehlo()
    code, text = client.mail(sender)
    assert code == 250, (code, text)
    answers = [client.rcpt(recipient) for recipient in recipients]
    client.rset()
    return [(code, text.decode()) for code, text in answers]


class Routing(waxwing.TestCase):
    def outside(self):
        """A client whose address is not in INTERNAL_IP."""
        return self.box.smtp(source_address=('127.0.0.2', 0))

    def test_relaying(self):
        self.box.user('relay', 'secret')
        with self.outside() as client:
            (local, _), (far, text), (direct, _), (sink, _) = replies(
                client, 'relay@example.test', 'x@far.test', 'relay@ims-ms-daemon', 'u1@discard.test')
        self.assertEqual((local, far, direct, sink), (250, 550, 550, 550))
        self.assertIn('5.7.1', text)
        with self.box.smtp() as client:  # 127.0.0.1 is one of ours
            self.assertEqual(replies(client, 'x@far.test', 'u1@hold.test')[0][0], 250)
        client = self.box.submit('relay', 'secret')
        with client:
            self.assertEqual(replies(client, 'x@far.test', sender='relay@example.test')[0][0], 250)
        with self.box.smtp('SUBMIT') as client:  # no AUTH, no mail
            client.ehlo()
            self.assertGreaterEqual(client.mail('relay@example.test')[0], 500)

    def test_forwarding_user_gets_mail_from_outside(self):
        self.box.user('leaver', 'secret', '--forward', 'leaver@discard.test', '--delivery', 'forward')
        with self.outside() as client:
            self.assertEqual(replies(client, 'leaver@example.test')[0][0], 250)

    def test_statuses(self):
        for status, code in (('inactive', 450), ('disabled', 550), ('deleted', 550), ('overquota', 452)):
            self.box.user('s' + status, 'secret', '--status', status)
            with self.outside() as client:
                self.assertEqual(replies(client, f's{status}@example.test')[0][0], code, status)

    def test_held_user(self):
        self.box.user('held', 'secret', '--status', 'hold')
        with self.box.smtp() as client:
            client.sendmail('a@far.test', ['held@example.test'], 'Subject: held\r\n\r\nx\r\n')
        self.assertTrue(self.box.queue_files('hold'))

    def test_group_of_addresses_and_entries_and_a_group_in_it(self):
        for name in ('g1', 'g2', 'g3'):
            self.box.user(name, 'secret')
        self.box.command('commadmin', 'group', 'create', '--name', 'inner', '--member', 'g3')
        self.box.command('commadmin', 'group', 'create', '--name', 'outer', '--member', 'g1@example.test',
                         '--member', 'g2', '--member', 'inner@example.test')
        with self.box.smtp() as client:
            client.sendmail('a@far.test', ['outer@example.test'], 'Subject: to all\r\n\r\nx\r\n')
        for name in ('g1', 'g2', 'g3'):
            self.assertEqual(self.box.wait_messages(name, 'secret', 1), 1)
        with self.box.smtp() as client:  # whoever is reached in several ways gets it once
            client.sendmail('a@far.test', ['outer@example.test', 'g1@example.test', 'inner@example.test'],
                            'Subject: again\r\n\r\nx\r\n')
        for name in ('g1', 'g2', 'g3'):
            self.assertEqual(self.box.wait_messages(name, 'secret', 2), 2)

    def test_reversal_of_alternate_addresses(self):
        self.box.user('alt', 'secret', '--alternate', 'other.name@example.test')
        with self.box.smtp() as client:
            client.sendmail('other.name@example.test', ['alt@example.test'],
                            'From: Me <other.name@example.test>\r\nTo: other.name@example.test\r\n'
                            'Subject: reversal\r\n\r\nx\r\n')
        self.box.wait_messages('alt', 'secret', 1)
        with self.box.imap('alt', 'secret') as client:
            client.select('INBOX')
            text = client.fetch('1', '(BODY.PEEK[HEADER])')[1][0][1].decode()
        self.assertRegex(text, r'(?m)^From: Me <alt@example\.test>')
        self.assertRegex(text, r'(?m)^To: other\.name@example\.test')
        self.assertIn('Return-Path: <alt@example.test>'.lower(), text.lower())

    def test_subaddress_reaches_the_user(self):
        self.box.user('sub', 'secret')
        with self.outside() as client:
            self.assertEqual(replies(client, 'sub+news@example.test')[0][0], 250)
            self.assertEqual(replies(client, 'nosub+news@example.test')[0][0], 550)

    def test_postmaster_everywhere(self):
        with self.outside() as client:
            self.assertEqual([code for code, _ in replies(client, 'postmaster@example.test', 'postmaster')], [250, 250])


class Imsimta(waxwing.TestCase):
    def setUp(self):
        self.rules = os.path.join(self.box.root, 'config', 'local.rules')
        with open(self.rules) as f:
            self.before = f.read()

    def tearDown(self):
        with open(self.rules, 'w') as f:
            f.write(self.before)
        self.box.command('imsimta', 'cnbuild')

    def test_rewrite_shows_the_walk(self):
        self.box.user('walk', 'secret', '--forward', 'walk@far.test', '--delivery', 'forward')
        out = self.box.command('imsimta', 'test', '-rewrite', 'walk@example.test').stdout
        for part in ('rule $*', 'user uid=walk,', 'delivery option forward', 'walk@far.test on channel tcp_local',
                     'access: allowed'):
            self.assertIn(part, out)
        refused = self.box.command('imsimta', 'test', '-rewrite', 'nobody@example.test', check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn('550 5.1.1', refused.stdout)
        outside = self.box.command('imsimta', 'test', '-rewrite', '-channel=tcp_local', 'x@far.test').stdout
        self.assertIn('refused by ORIG_SEND_ACCESS', outside)

    def test_rewrite_with_a_receipt(self):
        with open(os.path.join(self.box.root, 'config', 'mappings')) as file:
            text = file.read()
        tables = os.path.join(self.box.root, 'receipts')
        with open(tables, 'w') as file:
            file.write(text + '\n\nSEND_ACCESS\n\n  *|*|*|*@far.test  $:S$Nno$ receipts\n')
        shown = [self.box.command('imsimta', 'test', '-rewrite', '-channel=tcp_intranet', f'-mapping_file={tables}', *more,
                                  'x@far.test', check=False).stdout for more in ([], ['-delivery_receipt'])]
        self.assertIn('access: allowed', shown[0])
        self.assertIn('no receipts', shown[1])

    def another_configuration(self):
        """The published build, an older one, files that were not published, and one in the place of another."""
        def answer(*words):
            shown = self.box.command('imsimta', 'test', '-mapping', '-table=SAYS', '-noverbose', *words, 'x', check=False)
            return shown.stdout if shown.returncode == 0 else shown.stderr
        config = os.path.join(self.box.root, 'config')
        mappings, old = os.path.join(config, 'mappings'), os.path.join(self.box.folder, 'old.built')
        shutil.copy(os.path.join(config, 'built', 'mta.built'), old)
        with open(mappings) as file:
            text = file.read()
        self.addCleanup(self.box.command, 'imsimta', 'cnbuild')
        self.addCleanup(lambda: open(mappings, 'w').write(text))
        for word in ('published', 'edited'):
            with open(mappings, 'w') as file:
                file.write(text + f'\nSAYS\n\n  *  {word}\n')
            if word == 'published':
                self.box.command('imsimta', 'cnbuild')
        with open(os.path.join(self.box.folder, 'other'), 'w') as file:
            file.write(text + '\nSAYS\n\n  *  other\n')
        self.assertIn('published', answer())
        for words in (('-edited',), ('-noimage_file',)):
            self.assertIn('edited', answer(*words))
        self.assertIn('other', answer(f'-file={file.name}'))
        self.assertIn('no table SAYS', answer(f'-image_file={old}'))
        self.assertIn('exclude each other', answer(f'-image_file={old}', '-edited'))
        self.assertIn(mappings, answer(f'-image_file={mappings}'))

    def test_mapping_shows_rows_and_flags(self):
        out = self.box.command('imsimta', 'test', '-mapping', '-table=INTERNAL_IP', '127.0.0.1').stdout
        self.assertIn("Output flags:  'Y'", out)
        out = self.box.command('imsimta', 'test', '-mapping', '-table=INTERNAL_IP', '192.0.2.1').stdout
        self.assertIn("Output flags:  'N'", out)
        self.another_configuration()
        wrong = self.box.command('imsimta', 'test', '-mapping', '-table=NONE', 'x', check=False)
        self.assertIn('INTERNAL_IP', wrong.stderr)
        match = self.box.command('imsimta', 'test', '-match', '-pattern=$(10.0.0.0/8)', '-target=10.1.2.3')
        self.assertIn('Match.', match.stdout)

    def test_a_bad_file_is_not_published_and_the_old_build_goes_on(self):
        version = self.box.command('imsimta', 'version').stdout
        with open(self.rules, 'a') as f:
            f.write('broken.test $U%$D@no-such-channel\n')
        result = self.box.command('imsimta', 'cnbuild', check=False)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r'local\.rules:\d+: .*no-such-channel')
        self.assertEqual(self.box.command('imsimta', 'version').stdout, version)

    def test_the_files_of_the_daemons_are_checked_before_they_are_published(self):
        version = self.box.command('imsimta', 'version').stdout
        for wrong, says in (({'dispatcher.cnf': '[SERVICE=MORE]\nPORT=abc\n', 'job_controller.cnf': '[CHANNEL=more]\nMASTER_COMAND=x\n',
                              'tcp_local_option': 'BANNER_HOST=a.test\nNO_SUCH_OPTION=1\n', 'tcp_intranet_option': 'MAX_MX_RECORDS=many\n'},
                             r':\d+: '),
                            ({'dispatcher.cnf': '[SERVICE=MORE]\nIMAGE=smtpd\nPORT=0\nPARAMETER=CHANNEL=tcp_nowhere\n'}, r': .*tcp_nowhere')):
            result = self.with_more_lines(wrong)
            self.assertEqual(result.returncode, 1)
            for name in wrong:
                self.assertRegex(result.stderr, re.escape(name) + says)
        self.assertEqual(self.box.command('imsimta', 'version').stdout, version)

    def test_what_has_no_effect_is_told(self):
        result = self.with_more_lines({
            'tcp_local_option': 'CHECK_SOURCE=1\n', 'tcp_nowhere_option': 'BANNER_HOST=a.test\n',
            'mappings': '\nMAIL_ACCESS\n\n  *|x@y.test  $P$Y\n', 'job_controller.cnf': 'SLAVE_COMMAND=x\n',
            'imta.cnf': '\nx400 smtp\nx400-daemon\n'}, '-check')
        for part in ('CHECK_SOURCE has no effect', 'tcp_nowhere_option has no effect', r'mappings:\d+: \$P in table MAIL_ACCESS', 'SLAVE_COMMAND',
                     'imta.cnf:.*nothing delivers what goes to channel x400'):
            self.assertRegex(result.stdout, f'warning: .*{part}')

    def with_more_lines(self, more, *words):
        """What cnbuild says while files of config/ have these lines at their end."""
        before = {}
        try:
            for name, text in more.items():
                path = os.path.join(self.box.root, 'config', name)
                with open(path, 'a+') as f:
                    f.seek(0)
                    before[path] = f.read()
                    f.write(text)
            return self.box.command('imsimta', 'cnbuild', *words, check=False)
        finally:
            for path, text in before.items():
                with open(path, 'w') as f:
                    f.write(text)
                if not text:
                    os.unlink(path)

    def test_reload_takes_a_new_rule_without_restart(self):
        def code():
            with self.box.smtp() as client:
                return replies(client, 'x@gone.test')[0]
        self.assertEqual(code()[0], 250)
        pid = self.box.pid('dispatcher')
        with open(self.rules, 'a') as f:
            f.write('gone.test $?No$ such$ place\n')
        self.box.command('imsimta', 'cnbuild')
        self.assertEqual(code()[0], 250)
        self.box.command('imsimta', 'reload')
        waxwing.wait_until(lambda: code()[0] == 550, 'the new rule to hold')
        self.assertIn('No such place', code()[1])
        self.assertEqual(self.box.pid('dispatcher'), pid)

    def test_unknown_words_are_refused(self):
        for words in (['nonsense'], ['cnbuild', '-what'], ['test'], ['test', '-rewrite', '-channel=none', 'a@b']):
            result = self.box.command('imsimta', *words, check=False)
            self.assertNotEqual(result.returncode, 0, words)
            self.assertTrue(result.stderr.strip(), words)


class DirectoryDown(waxwing.TestCase):
    def test_is_try_again_later_and_recovers(self):
        self.box.user('later', 'secret')
        self.box.stop('slapd')
        try:
            with self.box.smtp(source_address=('127.0.0.2', 0)) as client:
                code, text = replies(client, 'unseen.before@example.test')[0]
            self.assertEqual(code // 100, 4, text)
        finally:
            self.box.start('slapd')
        def delivered():
            with self.box.smtp() as client:
                return replies(client, 'later@example.test')[0][0] == 250
        waxwing.wait_until(delivered, 'the directory to be asked again')


if __name__ == '__main__':
    waxwing.main()

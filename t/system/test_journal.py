#!/usr/bin/env python3
"""The commit journal as an operator meets it: what tools leave behind."""
import re

import waxwing


class Journal(waxwing.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = waxwing.Sandbox()
        cls.addClassCleanup(cls.box.remove)
        cls.box.start()
        cls.box.user('alice', 'secret')

    def records(self):
        return int(re.search(r', (\d+) records', self.box.command('imsimta', 'journal').stdout)[1])

    def test_a_tool_that_runs_while_everything_is_stopped_leaves_an_empty_journal(self):
        self.box.command('imsimta', 'queue', 'stop', 'ims-ms')
        with self.box.smtp() as client:
            client.sendmail('bob@elsewhere.test', 'alice@example.test', 'Subject: waits\r\n\r\nText\r\n')
        [name] = self.box.queue_files('ims-ms')
        self.box.command('stop-msg')
        self.addCleanup(self.box.start)
        self.assertEqual(self.records(), 0)
        self.assertIn('held', self.box.command('imsimta', 'qm', 'hold', name).stdout.lower())
        self.assertTrue(self.box.queue_files('ims-ms')[0].endswith('.HELD'))
        self.assertEqual(self.records(), 0)


if __name__ == '__main__':
    waxwing.main()

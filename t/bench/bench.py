#!/usr/bin/env python3
"""Figures of this version: a sandbox of its own, the workloads, JSON lines and a table.

    t/bench/bench.py [--build build] [--seconds 4] [--port-base N] [--box DIR [--keep]] [W1 W2 ...]

Results: BUILD/bench/results.jsonl, and a table on standard output. Nothing else should run meanwhile. With
--box the sandbox is made there, or used as it is when it is there already (it must run).
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, 'tools', 'demo'))
import ports  # noqa: E402

USERS = 1100


def w1(bench):
    for name, pattern in (('hold', 'u%d@hold.test'), ('discard', 'u%d@discard.test')):
        for figure, more in (('1rcpt', {}), ('10rcpt', {'rcpts': 10}), ('1rcpt_keep', {'perconn': 100}),
                             ('1rcpt_1conn', {'conns': 1, 'perconn': 100})):
            bench.empty_queue()
            bench.run('smtp', f'smtp_{name}_{figure}', port=bench.port('SMTP'), rcpt=pattern, **more)
    bench.empty_queue()


def w2(bench):
    ports = {'port': bench.port('SMTP'), 'imap': bench.port('IMAP')}
    bench.run('e2e', 'e2e_1rcpt', count=200 * bench.seconds, **ports)
    bench.run('e2e', 'e2e_10rcpt', rcpts=10, count=40 * bench.seconds, **ports)
    for way in ('noop', 'idle'):
        bench.run(f'visible-{way}', f'visible_by_{way}', first=1002, conns=1, count=50, **ports)


def w3(bench):
    for figure, more in (('1conn_1rcpt', {'conns': 1}), ('20conn_1rcpt', {}), ('20conn_10rcpt', {'rcpts': 10}),
                         ('20conn_1rcpt_keep', {'perconn': 100}), ('20conn_1rcpt_onebox', {'first': 1003, 'users': 1})):
        bench.run('lmtp', f'lmtp_{figure}', port=bench.port('LMTP'), **more)


def w4(bench):
    imap = {'port': bench.port('IMAP'), 'box': 'Mix'}
    bench.run('fill', 'fill_200x50', users=200, perconn=50, **imap)
    for conns in (20, 200):
        bench.run('mix', f'mix_{conns}conn_20perlogin', conns=conns, perconn=20, **imap)
        bench.run('mix', f'mix_{conns}conn_steady', conns=conns, perconn=0, **imap)


def w5(bench):
    for more in ([], ['--tls']):
        bench.idle('--connections', '5000' if bench.seconds > 2 else '500', *more)


BIG = (('select', 'SELECT Big'), ('fetch_all_flags', 'FETCH 1:* (FLAGS)'), ('fetch_all_uid_flags', 'FETCH 1:* (UID FLAGS)'),
       ('fetch_all_envelope', 'FETCH 1:* (ENVELOPE)'), ('fetch_50_envelope', 'FETCH 5000:5049 (UID FLAGS ENVELOPE BODYSTRUCTURE)'),
       ('fetch_50_body', 'FETCH 5000:5049 (BODY.PEEK[])'), ('search_unseen', 'SEARCH UNSEEN'),
       ('search_since', 'SEARCH SENTSINCE 1-Jan-2024'), ('search_from', 'SEARCH FROM "sender7@"'),
       ('search_subject', 'SEARCH SUBJECT "needle"'), ('search_header_msgid', 'SEARCH HEADER Message-ID "<big.77@bench.test>"'),
       ('search_body_rare', 'SEARCH BODY "zebrafish"'), ('sort_date', 'SORT (DATE) UTF-8 ALL'),
       ('sort_subject', 'SORT (SUBJECT) UTF-8 ALL'), ('sort_arrival_rev', 'SORT (REVERSE ARRIVAL) UTF-8 ALL'),
       ('thread_refs', 'THREAD REFERENCES UTF-8 ALL'), ('thread_orderedsubject', 'THREAD ORDEREDSUBJECT UTF-8 ALL'))


def w6(bench):
    where = {'box': 'Big', 'first': 1001, 'users': 1, 'conns': 1}
    bench.run('store-fill', 'fill_big', **where, count=100000)
    for figure, command in BIG:
        bench.run('command', figure, port=bench.port('IMAP'), command=command, **where,
                  count=3 if 'body_rare' in figure else 10)


def w7(bench):
    where = {'first': 1011, 'users': 10}
    bench.run('fill', 'fill_10x1000', port=bench.port('IMAP'), perconn=1000, conns=10, **where)
    for conns in (1, 10):
        bench.run('pop', f'pop_{conns}conn', port=bench.port('POP'), conns=conns, **where)


def w8(bench):
    imap = {'port': bench.port('IMAP')}
    for conns in (1, 20):
        bench.run('login', f'login_{conns}conn', conns=conns, **imap)
    bench.run('command', 'noop_1conn', conns=1, **imap)
    bench.run('command', 'noop_50conn', conns=50, **imap)
    box = {'box': 'Mix', 'users': 20}
    bench.run('fill', 'fill_20x50', perconn=50, **imap, **box)
    bench.run('command', 'fetch_1_body_20conn', command='FETCH 1 (BODY.PEEK[])', **imap, **box)
    bench.run('command', 'fetch_50_bodies_20conn', command='FETCH 1:50 (BODY.PEEK[])', **imap, **box)


def queue(bench):
    """The schedule by itself, then the start of a job controller with so many messages in its tree."""
    for count in (10_000, 100_000, 1_000_000):
        bench.run('schedule', f'schedule_{count}', count=count, users=1000)
    bench.command('imsimta', 'queue', 'stop', 'tcp_local')
    bench.command('stop-msg', 'job_controller')
    bench.edit('job_controller.cnf', r'(?m)^MAX_MESSAGES=.*', f'MAX_MESSAGES={bench.in_memory or 2 * bench.messages}')
    bench.run('queue-tree', 'queue_files_written', count=bench.messages, users=1000, size=1024, conns=2)
    log = os.path.join(bench.root, 'log', 'job_controller.log')
    begin = os.path.getsize(log) if os.path.exists(log) else 0
    bench.command('start-msg', 'job_controller')
    read = bench.wait_log(log, begin, r'queue\.tree_read messages=(\d+) before=\d+ ms=(\d+)')
    with open(os.path.join(bench.root, 'run', 'job_controller.pid')) as file:
        pid = int(file.read())
    with open(f'/proc/{pid}/status') as file:
        memory = int(re.search(r'VmRSS:\s+(\d+)', file.read())[1])
    bench.keep_row({'figure': 'queue_start', 'messages': int(read[1]), 'scan_s': int(read[2]) / 1000,
                    'job_controller_kib': memory, 'bytes_per_message': round(memory * 1024 / max(1, int(read[1])))})


def rewriting(bench):
    """Addresses a second on one core, directory cache warm; then with many more rules."""
    for rules in (0, 100, 10_000):
        bench.run('rewriting', f'rewriting_{rules}', rules=rules, users=1000)


WORKLOADS = {'W1': w1, 'W2': w2, 'W3': w3, 'W4': w4, 'W5': w5, 'W6': w6, 'W7': w7, 'W8': w8, 'queue': queue,
             'rewriting': rewriting}


def disk_of(path):
    """The whole disk under a path, as /proc/diskstats names it; '' when there is none."""
    number = os.stat(path).st_dev
    device = os.path.realpath(f'/sys/dev/block/{os.major(number)}:{os.minor(number)}')
    if os.path.exists(os.path.join(device, 'partition')):
        device = os.path.dirname(device)
    return os.path.basename(device) if os.path.exists(os.path.join(device, 'stat')) else ''


class Bench:
    def __init__(self, options):
        self.messages, self.in_memory = options.messages, options.in_memory
        self.build, self.seconds = os.path.abspath(options.build), options.seconds
        self.folder = tempfile.mkdtemp(prefix='waxwing-bench-') if not options.box else None
        self.root = os.path.abspath(options.box or os.path.join(self.folder, 'box'))
        self.ours = not os.path.exists(os.path.join(self.root, 'env'))
        self.keep = options.keep or not self.ours
        self.results, self.workload, self.output = [], '', None
        self.options = options

    def begin(self):
        options = self.options
        if self.ours:
            self.say(f'makes a sandbox in {self.root} with {USERS} users')
            self.call(os.path.join(self.build, 'stage', 'bin', 'configure'), '--sandbox', self.root, '--port-base',
                      str(options.port_base or ports.free_base()))
        self.env = self.read_env()
        if self.ours:
            self.command('start-msg')
            self.command('commadmin', 'user', 'create', '--count', str(USERS), '--pattern', 'user%04d',
                         '--password-pattern', 'pass%04d')
        self.output = open(options.output or os.path.join(self.build, 'bench', 'results.jsonl'), 'a')

    def say(self, text):
        print(f'bench: {text}', file=sys.stderr, flush=True)

    def call(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if done.returncode:
            sys.exit(f'{" ".join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}')

    def command(self, *words):
        self.call(os.path.join(self.root, 'bin', words[0]), *words[1:])

    def read_env(self):
        out = subprocess.run(['sh', '-c', '. "$1" && env -0', 'sh', os.path.join(self.root, 'env')], check=True,
                             stdout=subprocess.PIPE).stdout.decode()
        return dict(pair.split('=', 1) for pair in out.split('\0') if '=' in pair)

    def port(self, name):
        return int(self.env[name + '_PORT'])

    def run(self, workload, figure, **options):
        """One figure: what it prints is kept, and shown."""
        given = {'w': self.workload, 'figure': figure, 'root': self.root, 'disk': disk_of(self.root),
                 'seconds': self.seconds, **options}
        words = [os.path.join(self.build, 'bench', 'load'), workload] + [f'{k}={v}' for k, v in given.items()]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit(f'{figure}: {done.stderr}')
        self.keep_row(json.loads(done.stdout))

    def keep_row(self, row):
        row['workload'] = self.workload
        row['when'] = time.strftime('%F %T', time.gmtime())
        self.results.append(row)
        self.output.write(json.dumps(row) + '\n')
        self.output.flush()
        print(table_row(row) if 'unit' in row else json.dumps(row), flush=True)

    def edit(self, name, pattern, replacement):
        """Changes a file of config/ and publishes it."""
        path = os.path.join(self.root, 'config', name)
        with open(path) as file:
            text = file.read()
        with open(path, 'w') as file:
            file.write(re.sub(pattern, replacement, text))
        self.command('imsimta', 'cnbuild')

    def wait_log(self, path, begin, pattern, seconds=600):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with open(path) as file:
                file.seek(begin)
                found = re.search(pattern, file.read())
            if found:
                return found
            time.sleep(0.1)
        sys.exit(f'{path} never had {pattern}')

    def idle(self, *options):
        """Idle connections, which have figures of their own."""
        words = [sys.executable, os.path.join(TOP, 't', 'bench', 'idle.py'), '--box', self.root, *options]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit(f'idle: {done.stderr}')
        row = {**json.loads(done.stdout), 'when': time.strftime('%F %T', time.gmtime())}
        self.output.write(json.dumps(row) + '\n')
        self.output.flush()
        print('| {workload} | {figure} | **{pss_kib}** KiB PSS each, {private_kib} of their own; set up {set_up_per_s}/s, '
              '{cpu_us_per_set_up} us of server CPU each; idle {idle_cpu_percent}% | | | | | | | |'.format(**row), flush=True)

    def empty_queue(self):
        """What the workloads leave in the queue goes, so that each begins with the same."""
        for channel in ('hold', 'bitbucket'):
            for folder, _, names in os.walk(os.path.join(self.root, 'queue', channel)):
                for name in names:
                    try:
                        os.unlink(os.path.join(folder, name))
                    except FileNotFoundError:
                        pass
        self.command('imsimta', 'cache', '-sync')
        os.sync()

    def close(self):
        """Nothing of ours goes on, whatever went wrong, at the start too."""
        if self.keep and self.output:
            return self.say(f'{self.root} stays')
        if not self.ours:
            return
        stop = os.path.join(self.root, 'bin', 'stop-msg')
        if os.path.exists(stop):
            done = subprocess.run([stop], capture_output=True, text=True, timeout=300)
            if done.returncode:
                return self.say(f'{stop} failed; what it made stays in {self.root}\n{done.stdout}{done.stderr}')
        shutil.rmtree(self.folder or self.root, ignore_errors=True)


HEAD = ('| W | figure | rate | p50 ms | p99 ms | server CPU us | rest of the CPU us | flushes | KiB written | errors |\n'
        '|---|---|---|---|---|---|---|---|---|---|')


def table_row(row):
    return '| {workload} | {figure} | **{value:,.0f}** {unit} | {p50_ms:.2f} | {p99_ms:.2f} | {server_cpu_us:.0f} | ' \
           '{rest_cpu_us:.0f} | {flushes:.2f} | {disk_kb:.1f} | {errors} |'.format(**row)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', default=os.path.join(TOP, 'build'))
    parser.add_argument('--seconds', type=int, default=4)
    parser.add_argument('--port-base', type=int, help='the first of the ports it takes; else some that are free')
    parser.add_argument('--messages', type=int, default=100_000, help='in the queue, for the workload queue')
    parser.add_argument('--in-memory', type=int, help='MAX_MESSAGES of the job controller; else all of them')
    parser.add_argument('--box')
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--output')
    parser.add_argument('workloads', nargs='*', metavar='W', help=' '.join(WORKLOADS))
    options = parser.parse_args()
    unknown = [w for w in options.workloads if w not in WORKLOADS]
    if unknown:
        parser.error(f'no workload {unknown[0]}; there are {" ".join(WORKLOADS)}')
    bench = Bench(options)
    try:
        bench.begin()
        print(HEAD)
        for name in options.workloads or WORKLOADS:
            bench.workload = name
            WORKLOADS[name](bench)
    finally:
        bench.close()


if __name__ == '__main__':
    main()

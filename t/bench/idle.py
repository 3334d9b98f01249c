#!/usr/bin/env python3
"""Memory of idle IMAP connections: logs in, selects INBOX, says IDLE, and looks at the server's processes.

    t/bench/idle.py --box DIR [--connections 5000] [--tls] [--users 1000]

Prints one line of JSON: PSS of the instance's processes for each connection, in KiB (shared pages count once), private
memory, what the kernel keeps in page tables, connections made a second, and server CPU while all are silent.
"""
import argparse
import asyncio
import glob
import json
import os
import resource
import ssl
import subprocess
import time


def environment(box):
    out = subprocess.run(['sh', '-c', '. "$1" && env -0', 'sh', os.path.join(box, 'env')], check=True, stdout=subprocess.PIPE)
    return dict(pair.split('=', 1) for pair in out.stdout.decode().split('\0') if '=' in pair)


def processes(box):
    """All whose command line names the instance's folder, but for ourselves and who has called us."""
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            if int(path.split('/')[2]) in (os.getpid(), os.getppid()):
                continue
            with open(path, 'rb') as f:
                if os.fsencode(box) in f.read():
                    yield os.path.dirname(path)
        except OSError:
            pass


def fields(path):
    with open(path) as f:
        return {k: int(v.split()[0]) for k, _, v in (line.partition(':') for line in f) if v.split() and v.split()[0].isdigit()}


def memory(box):
    total = {'pss_kib': 0, 'private_kib': 0, 'page_tables_kib': 0, 'cpu_s': 0.0}
    for folder in processes(box):
        try:
            parts = fields(folder + '/smaps_rollup')
            total['pss_kib'] += parts['Pss']
            total['private_kib'] += parts['Private_Clean'] + parts['Private_Dirty']
            total['page_tables_kib'] += fields(folder + '/status').get('VmPTE', 0)
            for task in glob.glob(folder + '/task/*/schedstat'):
                with open(task) as f:
                    total['cpu_s'] += int(f.read().split()[0]) / 1e9
        except (OSError, KeyError):
            pass
    return total


class Client:
    def __init__(self, options, env, number):
        self.options, self.env = options, env
        self.number = 1 + number % options.users

    async def answer(self, text, until):
        self.writer.write(text.encode() + b'\r\n')
        while True:
            line = await self.reader.readline()
            if not line:
                raise ConnectionError(f'user {self.number}: closed')
            if line.startswith(until):
                return

    async def begin(self, context):
        port = self.env['IMAPS_PORT' if context else 'IMAP_PORT']
        self.reader, self.writer = await asyncio.open_connection(
            self.env['HOST'], int(port), ssl=context, server_hostname='localhost' if context else None, limit=4096)
        await self.reader.readline()
        name = f'user{self.number:04d}@{self.env["DOMAIN"]}'
        await self.answer(f'a LOGIN {name} pass{self.number:04d}', b'a OK')
        await self.answer('b SELECT INBOX', b'b OK')
        await self.answer('c IDLE', b'+')


async def measure(options):
    env = environment(options.box)
    box = os.path.realpath(options.box)
    context = ssl.create_default_context(cafile=env['CA_FILE']) if options.tls else None
    clients = [Client(options, env, n) for n in range(options.connections)]
    await Client(options, env, 0).begin(context)  # what the first one costs is not theirs
    before, began = memory(box), time.monotonic()
    waiting = iter(clients)

    async def dial():
        for client in waiting:
            await client.begin(context)

    await asyncio.gather(*(dial() for _ in range(16)))
    seconds = time.monotonic() - began
    await asyncio.sleep(options.settle)
    quiet = memory(box)
    await asyncio.sleep(options.settle)
    after = memory(box)
    row = {'workload': 'W5', 'figure': f'idle_{options.connections}' + ('_tls' if options.tls else ''), 'unit': 'KiB/conn'}
    for name in ('pss_kib', 'private_kib', 'page_tables_kib'):
        row[name] = round((after[name] - before[name]) / options.connections, 2)
    row['set_up_per_s'] = round(options.connections / seconds)
    row['cpu_us_per_set_up'] = round((quiet['cpu_s'] - before['cpu_s']) * 1e6 / options.connections)
    row['idle_cpu_percent'] = round((after['cpu_s'] - quiet['cpu_s']) / options.settle * 100, 2)
    print(json.dumps(row), flush=True)
    os._exit(0)  # thousands of sockets need no farewell


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--box', required=True)
    parser.add_argument('--connections', type=int, default=5000)
    parser.add_argument('--users', type=int, default=1000)
    parser.add_argument('--settle', type=float, default=2.0)
    parser.add_argument('--tls', action='store_true')
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(measure(parser.parse_args()))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Runs a build and shows one line of progress: [ 37/312] common/net/loop.cc

    progress.py make -j2 stage

The total is what `make -n` says is still to do. On a terminal the line is overwritten; elsewhere a line
is printed every tenth of the way. Everything else that the build prints (errors, above all) is shown as it is.
"""
import re
import subprocess
import sys
import time

MANY = 100  # steps; a few take seconds
STEP = re.compile(r'^  (C\+\+|LINK) +(.*)$')


def count_steps(command):
    plan = subprocess.run([command[0], '-n'] + command[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors='replace')
    return len(re.findall(r"^printf '  (?:C\+\+|LINK) ", plan.stdout, re.M))


class Line:
    def __init__(self, total):
        self.total, self.done, self.shown = total, 0, 0
        self.terminal = sys.stdout.isatty()

    def step(self, what):
        self.done += 1
        self.total = max(self.total, self.done)
        text = f'[{self.done:>{len(str(self.total))}}/{self.total}] {what}'
        if self.terminal:
            sys.stdout.write('\r\033[K' + text[:100])
        elif self.done == 1 or self.done == self.total or self.done * 10 // self.total > self.shown:
            self.shown = self.done * 10 // self.total
            sys.stdout.write(text + '\n')
        sys.stdout.flush()

    def other(self, text):
        sys.stdout.write(('\r\033[K' if self.terminal else '') + text)
        sys.stdout.flush()

    def end(self):
        if self.terminal and self.done:
            sys.stdout.write('\r\033[K')


def main():
    command = sys.argv[1:]
    started = time.monotonic()
    line = Line(count_steps(command))
    if line.total:
        print(f'building: {line.total} steps' + (', some minutes' if line.total > MANY else ''))
    sys.stdout.flush()
    build = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    for text in build.stdout:
        match = STEP.match(text)
        if match:
            line.step(match.group(2))
        else:
            line.other(text)
    code = build.wait()
    line.end()
    if code == 0 and line.done:
        print(f'built {line.done} files in {time.monotonic() - started:.0f} s')
    return code if code >= 0 else 1


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

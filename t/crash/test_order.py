#!/usr/bin/env python3
"""The power is cut on a file system that keeps names in no order (loose_disk.py): all that was answered is there.

As test_power.py, whose recordings, cuts and checks these are; but the daemons are told that they are on such a file
system. With a small journal messages are delivered behind the checkpoint that followed them.

    t/crash/test_order.py --cuts 5000 [--seed N] [--segments 4]
"""
import argparse
import sys
import unittest

import disk
import test_power
from loose_disk import LooseDisk

disk.Disk = LooseDisk


class Order(test_power.PowerCut):
    """The one test of that class. WAXWING_TEST_FILE_SYSTEM=in_order in the environment: what is lost without."""
    file_system = 'in_no_order'


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cuts', type=int, default=40)
    parser.add_argument('--seed', type=int, default=test_power.OPTIONS.seed)
    parser.add_argument('--seconds', type=float, default=test_power.OPTIONS.seconds, help='length of a recording')
    parser.add_argument('--keep', default=test_power.OPTIONS.keep)
    parser.add_argument('--segments', type=int, help='of 1 MB each, in the journal; 0: that of the default options')
    parser.add_argument('-v', action='store_true')
    arguments = parser.parse_args()
    for name in ('cuts', 'seed', 'seconds', 'keep', 'segments'):
        setattr(test_power.OPTIONS, name, getattr(arguments, name))
    unittest.main(argv=sys.argv[:1], verbosity=2)

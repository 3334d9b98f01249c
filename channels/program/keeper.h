// The keeper of one program: a process between the channel program and the program that a message is given to.
//
//   <channel program> --run UID GID ACCOUNT SECONDS PROCESSES FILEBYTES PROGRAM [ARGUMENT...]
//
// It starts the program with its own standard input and output, waits for it at most so long, lets no file that it
// writes grow beyond FILEBYTES (0: no limit), and ends
// everything that the program has started and left behind, however it hid: the keeper is the one to whom
// orphans below it are given, so whoever is left is its child. It ends them too when the channel program dies.
// Exit status: the program's; 128 + number for a signal; kKeeperLate and kKeeperFailed below.
#pragma once

namespace waxwing::channels {

constexpr int kKeeperLate = 250;    // the time was over
constexpr int kKeeperFailed = 251;  // it could not be started; why stands on the standard output

int run_keeper(int argc, char** argv);

}  // namespace waxwing::channels

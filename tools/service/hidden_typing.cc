#include "tools/service/hidden_typing.h"

#include <termios.h>
#include <unistd.h>

#include <csignal>

namespace waxwing {

namespace {
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
termios shown{};  // for the handler: one at a time

void show_and_end(int number) {
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::signal(number, SIG_DFL);
  std::raise(number);
}
}  // namespace

HiddenTyping::HiddenTyping() : on_terminal_(::tcgetattr(STDIN_FILENO, &shown) == 0) {
  if (!on_terminal_) return;
  for (const int number : kSignals) std::signal(number, show_and_end);
  termios silent = shown;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
}

HiddenTyping::~HiddenTyping() {
  if (!on_terminal_) return;
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  for (const int number : kSignals) std::signal(number, SIG_DFL);
}

}  // namespace waxwing

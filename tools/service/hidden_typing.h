// While one lives, what is typed on the terminal is not shown. A signal that ends the program shows it again
// first.
#pragma once

namespace waxwing {

class HiddenTyping {
 public:
  HiddenTyping();  // does nothing where standard input is no terminal
  ~HiddenTyping();
  HiddenTyping(const HiddenTyping&) = delete;
  bool on_terminal() const { return on_terminal_; }

 private:
  bool on_terminal_;
};

}  // namespace waxwing

// How many deliveries of a channel program may be under way at once.
//
// A delivery over the network mostly waits for somebody else's host. One that has seen nothing move for a while
// costs a socket and a coroutine, and must not keep the mail for other hosts from its turn: it is counted apart,
// up to a limit of all. At that limit the program is full: what it has not begun goes back to the job controller,
// which may start another program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace waxwing::channels {

class Turns {
 public:
  static constexpr std::int64_t kQuietMs = 1000;     // nothing moved for so long: it only waits
  static constexpr std::int64_t kPatienceMs = 2000;  // so long may a unit wait for its turn at the limit

  // at_once: deliveries that move. most: with those that only wait; 0: these are not told apart.
  Turns(unsigned at_once, unsigned most);

  // running: deliveries under way; quiet: those of them that only wait; head_waits_ms: how long the next unit
  // has waited for its turn, 0 when there is none.
  void look(unsigned running, unsigned quiet, std::int64_t head_waits_ms);

  unsigned allowed() const;  // deliveries that may be under way now
  // Nothing more is begun before something ends.
  bool full() const { return full_; }
  // Units it is good to have in hand: while all goes well some more than are begun, so that none idles.
  std::size_t room() const { return full_ ? most_ : std::size_t{allowed()} + at_once_; }
  // There are deliveries that only wait: worth another look.
  bool any_quiet() const { return quiet_ > 0 || full_; }

 private:
  unsigned at_once_, most_;
  bool told_apart_;
  unsigned quiet_ = 0;
  bool full_ = false;
};

}  // namespace waxwing::channels

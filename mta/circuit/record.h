// What is known of a circuit: which of its messages are under way, how many came back and how long they took. Pure:
// callers say what time it is.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/circuit/token.h"

namespace waxwing::mta::circuit {

// More messages of one circuit are not remembered one by one: of those that wait the oldest count as lost then.
inline constexpr std::size_t kMostRemembered = 1000;

struct Sent {
  std::uint64_t number = 0;
  std::int64_t sent_ms = 0;
  bool operator==(const Sent&) const = default;
};

struct Figures {
  std::uint64_t sent = 0, returned = 0, lost = 0;       // sent = returned + lost + those under way
  std::uint64_t duplicates = 0, unsent = 0;             // unsent: refused when they were to be sent
  std::int64_t last_sent_ms = 0, last_returned_ms = 0;  // wall time; 0: never
  // Round trips, in milliseconds.
  std::int64_t last = 0, shortest = 0, longest = 0, total = 0;
  bool operator==(const Figures&) const = default;
};

class Record {
 public:
  Record() = default;
  explicit Record(std::int64_t since_ms) : since_ms_(since_ms) {}

  const Figures& figures() const { return figures_; }
  std::int64_t since_ms() const { return since_ms_; }  // made or cleared
  const std::deque<Sent>& waiting() const { return waiting_; }
  // Upper ends in seconds, and a count each; one count more for what took longer.
  const std::vector<std::int64_t>& divisions() const { return divisions_; }
  const std::vector<std::uint64_t>& bins() const { return bins_; }
  // Other divisions than before: the counts begin anew. True when they did.
  bool use_bins(const std::vector<std::int64_t>& divisions);

  bool is_due(std::int64_t now_ms, std::int64_t interval_seconds) const;
  Sent send(std::int64_t now_ms);  // notes it as under way: before it is queued, since it may be back at once
  // It was refused. again: it is due at once, as if it had never been tried.
  void withdraw(const Sent& sent, bool again);
  // Those that have become lost.
  std::vector<Sent> expire(std::int64_t now_ms, std::int64_t expires_seconds);
  // How many would become so.
  std::size_t overdue(std::int64_t now_ms, std::int64_t expires_seconds) const;

  enum class Came {
    first,      // counted
    late,       // the same, of one that had been lost
    duplicate,  // has been here before
    again,      // the same arrival once more: it had been counted when a program died
    unknown     // of a time that nothing is known of any more
  };
  // arrival: its queue id.
  Came came_back(const Token& token, std::int64_t now_ms, std::string_view arrival);

  // Those lost that the postmaster has not been warned of. One warning holds until a message comes back.
  std::vector<Sent> missed() const;
  bool owes_warning() const { return !warned_ && !missed().empty(); }
  void warned_of(const std::vector<Sent>& missed);
  // All figures to nothing, but for when the next one is due. What is under way is not known any more.
  void clear(std::int64_t now_ms);

  std::string text() const;
  // Permanent error: it is no whole record.
  static Result<Record> parse(std::string_view text);

 private:
  bool read_line(std::string_view name, std::string_view value);
  bool read_bin(std::string_view text);
  void lose(const Sent& sent);
  void tell_up_to(const std::vector<Sent>& missed);
  void count_trip(std::int64_t trip_ms);

  Figures figures_;
  std::int64_t since_ms_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t forgotten_ = 0;  // up to this number nobody knows which have come back
  std::string counted_;          // arrival that was counted last
  std::uint64_t told_ = 0;       // up to this number nobody needs to be warned
  bool warned_ = false;          // and nothing has come back since
  std::vector<std::int64_t> divisions_;
  std::vector<std::uint64_t> bins_;
  std::deque<Sent> waiting_, lost_;  // by number
};

}  // namespace waxwing::mta::circuit

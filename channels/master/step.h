// What one delivery does just now, and since when: for operators, who see a host that keeps mail waiting (imsimta qm jobs).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "common/base/time.h"

namespace waxwing::channels {

class Step {
 public:
  // A word without blanks that lives as long as the program: "connect", "RCPT". Said again, it begins again: so the time
  // is that of the last sign of the other side.
  void is(const char* word) {
    word_ = word;
    since_ms_ = monotonic_ms();
  }
  // With whom from now on: "mx.example.org [192.0.2.1]".
  void with(std::string peer) { peer_ = std::move(peer); }

  const char* word() const { return word_; }
  const std::string& peer() const { return peer_; }
  std::int64_t since_ms() const { return since_ms_; }  // monotonic
  std::int64_t begun_ms() const { return begun_ms_; }  // the delivery

 private:
  const char* word_ = "begin";
  std::string peer_;
  std::int64_t begun_ms_ = monotonic_ms();
  std::int64_t since_ms_ = begun_ms_;
};

}  // namespace waxwing::channels

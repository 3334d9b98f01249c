// One packet between processes: a verb and named fields.
//
// On the wire: "verb\0" then "name=value\0" repeated; a value may hold any byte but NUL (bytes with NUL go
// as hex). Order is kept, a name may repeat. Text, so that strace and a log show what was said. A record
// fits one SOCK_SEQPACKET packet: at most kMaxBytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

class Record {
 public:
  static constexpr std::size_t kMaxBytes = 128 * 1024;

  Record() = default;
  explicit Record(std::string verb) : verb_(std::move(verb)) {}

  Record& set(std::string_view name, std::string_view value);
  Record& set(std::string_view name, std::int64_t value);

  const std::string& verb() const { return verb_; }
  bool is(std::string_view verb) const { return verb_ == verb; }
  // First field of that name; empty when absent.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  // As a number; fallback when absent or malformed.
  std::int64_t number(std::string_view name, std::int64_t fallback = 0) const;
  std::vector<std::string_view> all(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

  std::string encode() const;
  // Permanent error when the bytes are no record.
  static Result<Record> decode(std::string_view bytes);

 private:
  std::string verb_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace waxwing

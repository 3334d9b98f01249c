// A shared mapping of a file, and this system run's boot id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/mapping_faults.h"
#include "common/base/result.h"

namespace waxwing::store {

class Mapping {
 public:
  // length may reach behind the end of the file: touch only what the file has.
  static Result<std::shared_ptr<Mapping>> make(int fd, std::size_t length, bool writable);
  Mapping(char* data, std::size_t length)
      : data_(data), length_(length), guard_(std::in_place, data, length) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  char* data() const { return data_; }
  std::size_t length() const { return length_; }
  // The file has become shorter than what was read of it: some of what was read were zeros.
  bool damaged() const { return guard_->damaged(); }

 private:
  char* data_;
  std::size_t length_;
  std::optional<FaultGuard> guard_;
};

using BootId = std::array<std::uint8_t, 16>;
// Differs from the one of any other run (durable::run_id()): what is mapped is right while it stays.
// WAXWING_TEST_BOOT_ID in the environment overrides it, so that tests can "cut the power".
BootId boot_id();

// Advisory locks on one byte of an open file: they belong to the open file description, so a killed
// process leaves none behind, and threads sharing the descriptor do not exclude each other.
Result<> lock_byte(int fd, std::uint64_t at);  // waits
bool try_lock_byte(int fd, std::uint64_t at);  // false: held by others, or an error that lock_byte would tell
void unlock_byte(int fd, std::uint64_t at);
bool locked_by_others(int fd, std::uint64_t at);

}  // namespace waxwing::store

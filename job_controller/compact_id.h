// The unique part of a queue file's name in 16 bytes: those that we draw are that long, longer ones stand apart. There
// may be a million of them.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace waxwing::job_controller {

class CompactId {
 public:
  CompactId() = default;
  // Letters and digits only, as FileName::parse() has it.
  explicit CompactId(std::string_view id) {
    if (id.size() <= bytes_.size())
      id.copy(bytes_.data(), id.size());
    else
      set_apart(new std::string(id));
  }
  ~CompactId() { delete apart(); }
  CompactId(CompactId&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  CompactId& operator=(CompactId&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  std::string_view text() const {
    if (const auto* long_one = apart()) return *long_one;
    const std::string_view all(bytes_.data(), bytes_.size());
    return all.substr(0, all.find('\0'));
  }

 private:
  // A NUL in front, which no id has, and a pointer in the second half; null: no id at all.
  static constexpr std::size_t kPointerAt = 8;
  void set_apart(std::string* id) { std::memcpy(&bytes_[kPointerAt], &id, sizeof id); }
  std::string* apart() const {
    std::string* id = nullptr;
    if (bytes_[0] == '\0') std::memcpy(&id, &bytes_[kPointerAt], sizeof id);
    return id;
  }
  std::array<char, 16> bytes_{};
};

}  // namespace waxwing::job_controller

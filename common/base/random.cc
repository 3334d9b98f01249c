#include "common/base/random.h"

#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "common/base/process_id.h"
#include "common/base/time.h"

namespace waxwing {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const auto got = getrandom(bytes.data() + done, count - done, 0);
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return bytes;
}

namespace {
// Numbers of the kernel's, fetched many at a time. Each is given out once: after a fork() the child has to
// fetch its own.
struct Stock {
  std::array<std::uint64_t, 32> numbers{};
  std::size_t left = 0;
  pid_t owner = 0;

  std::uint64_t take() {
    if (left == 0 || owner != process_id()) {
      // Up to 256 bytes come whole or not at all.
      while (getrandom(numbers.data(), sizeof numbers, 0) != sizeof numbers) {
      }
      left = numbers.size();
      owner = process_id();
    }
    return std::exchange(numbers[--left], 0);
  }
};
}  // namespace

std::uint64_t random_u64() {
  thread_local Stock stock;
  return stock.take();
}

namespace {
constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
}  // namespace

std::string unique_id() {
  std::uint64_t time = static_cast<std::uint64_t>(wall_ms());
  std::uint64_t noise = random_u64();
  std::string id(16, '0');
  for (int i = 9; i >= 0; --i, time >>= 5) id[static_cast<std::size_t>(i)] = alphabet[time & 31];
  for (std::size_t i = 10; i < 16; ++i, noise >>= 5) id[i] = alphabet[noise & 31];
  return id;
}

std::optional<std::int64_t> unique_id_ms(std::string_view id) {
  if (id.size() != 16 || id.find_first_not_of(alphabet) != std::string_view::npos) return std::nullopt;
  std::int64_t time = 0;
  for (const char digit : id.substr(0, 10))
    time = time << 5 | static_cast<std::int64_t>(alphabet.find(digit));
  return time;
}

}  // namespace waxwing
